"""Regular expressions in linear time (RE2): no pattern can hang a worker.

RE2 has no look-around and no back-references, and `$` means the very end of the text.
Syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from typing import Any

import re2

from core.errors import InvalidError

#: Longer patterns are data in disguise, and matching costs pattern times text.
MAX_PATTERN_CHARS = 1_000


class PatternError(InvalidError):
    """The regular expression cannot be used."""

    code = "pattern_invalid"


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # RE2 would print to stderr what is raised here
    options.max_mem = 4 << 20
    return options


def compile_pattern(pattern: str) -> Any:
    """The compiled pattern (RE2 keeps the last 128); PatternError says what is wrong with it."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise PatternError(f"the pattern is longer than {MAX_PATTERN_CHARS} characters")
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown reason"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        hint = "RE2 has no look-around and no back-references"
        raise PatternError(f"not a regular expression RE2 can run: {text}", hint=hint) from None
    except UnicodeEncodeError:
        raise PatternError("the pattern is not valid Unicode") from None


def search(pattern: str, text: str) -> bool:
    """True when the pattern matches anywhere in the text. Raises PatternError."""
    return compile_pattern(pattern).search(text) is not None
