"""How checks quote texts in their details, and how they read the text a case expects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evals.domain.checks.spec import CheckError

#: Characters of an answer shown in a detail: a table row, not a transcript.
QUOTED_CHARS = 120


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
    wanted = params["value"] if params["value"] is not None else expected
    if wanted is None:
        message = "there is nothing to compare with: neither `value` nor the case's `expected`"
        raise CheckError(message)
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return str(wanted)
    if not isinstance(wanted, str):
        raise CheckError(f"`expected` must be a text here, it is {quote(wanted)}")
    return wanted
