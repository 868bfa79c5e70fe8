"""How checks quote texts in their details, and how they read the text a case expects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evals.domain.checks.spec import CheckError

#: Characters of an answer shown in a detail: a table row, not a transcript.
QUOTED_CHARS = 120


#: Characters of a text that answers are measured against, where the work grows with both.
MAX_WANTED_CHARS = 10_000


def clip(text: str, limit: int = QUOTED_CHARS) -> str:
    """`text`, or its first `limit` characters and an ellipsis."""
    return text if len(text) <= limit else text[:limit] + "…"


def quote(value: Any) -> str:
    """`value` as JSON on one line, clipped: spaces and line ends at its edges stay visible."""
    return clip(json.dumps(value, ensure_ascii=False, default=str))


def wanted_text(params: Mapping[str, Any], expected: Any) -> str:
    """The text to look for: the check's `value`, else the case's `expected`.

    A whole number is taken as its digits. Anything else has no single spelling (1.10, true, a
    list), so it raises CheckError instead of guessing one.
    """
    return spelled(_given(params["value"], expected))


def bounded_text(params: Mapping[str, Any], expected: Any) -> str:
    """As `wanted_text`, of at most 10,000 characters."""
    wanted = wanted_text(params, expected)
    if len(wanted) > MAX_WANTED_CHARS:
        raise CheckError(f"the text to compare with is longer than {MAX_WANTED_CHARS:,} characters")
    return wanted


def wanted_texts(params: Mapping[str, Any], expected: Any) -> list[str]:
    """The check's `values`, else the case's `expected`: the texts of a list, or a single one."""
    wanted = _given(params["values"], expected)
    if not isinstance(wanted, list):
        return [spelled(wanted)]
    if not wanted:
        raise CheckError("there is nothing to compare with: the list is empty")
    return [spelled(item) for item in wanted]


def _given(value: Any, expected: Any) -> Any:
    if value is None and expected is None:
        message = "there is nothing to compare with: neither `value` nor the case's `expected`"
        raise CheckError(message)
    return expected if value is None else value


def spelled(wanted: Any) -> str:
    """A text as it is and a whole number as its digits; CheckError for anything else."""
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return str(wanted)
    if not isinstance(wanted, str):
        raise CheckError(f"`expected` must be a text here, it is {quote(wanted)}")
    return wanted
