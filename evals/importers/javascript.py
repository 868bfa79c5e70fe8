"""What JavaScript would make of a value: texts, truth, regular expressions. Nothing is executed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from evals.domain.linear_regex import PatternError, compile_pattern

#: Signs that only mean something to one of the two engines.
_ONLY_JAVASCRIPT = re.compile(r"\(\?<?[=!]|\\k<|\\c[A-Za-z]|\[\^?\]|(?<!\\)(?:\\\\)*\\[1-9]")
_ONLY_RE2 = re.compile(r"\(\?P<|\(\?[imsU-]+[:)]|\\[AzQECa]|\[\[:")
_UNICODE = re.compile(r"\\u\{([0-9A-Fa-f]{1,6})\}|\\u([0-9A-Fa-f]{4})")
_SPACE = re.compile(r"(?<!\\)(?:\\\\)*\\[sS]")


class NoTextError(Exception):
    """An object has no text of its own."""


def text_of(value: Any) -> str:
    """`String(value)`. Objects raise NoTextError: JavaScript would print `[object Object]`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return ",".join("" if item is None else text_of(item) for item in value)
    if isinstance(value, dict):
        raise NoTextError
    return str(value)


def json_of(value: Any) -> str:
    """`JSON.stringify(value)`."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def is_truthy(value: Any) -> bool:
    """Whether `if (value)` would be taken: empty lists and objects are true."""
    return isinstance(value, list | dict) or bool(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return re.sub(r"e([-+])0+(\d)", r"e\1\2", repr(value))


@dataclass(frozen=True, slots=True)
class Translated:
    """A pattern for RE2, and how it differs; or the reason why there is none."""

    pattern: str
    difference: str = ""
    problem: str = ""


def translate_pattern(pattern: str) -> Translated:
    """A JavaScript pattern (no flags) as one that RE2 reads the same way."""
    if _ONLY_JAVASCRIPT.search(pattern):
        return Translated("", problem="it uses look-around or back-references, which RE2 lacks")
    written = _UNICODE.sub(lambda found: rf"\x{{{found[1] or found[2]}}}", pattern)
    written = written.replace(r"\/", "/").replace(r"\-", "-") if "[" not in written else written
    try:
        compile_pattern(written)
    except PatternError as error:
        return Translated("", problem=error.message)
    notes = []
    if _ONLY_RE2.search(pattern):
        notes.append("JavaScript refuses or reads this syntax otherwise, so there it always fails")
    if _SPACE.search(pattern):
        notes.append(r"`\s` means ASCII white space in RE2 and all of Unicode's in JavaScript")
    return Translated(written, difference="; ".join(notes))
