"""The answer contains a text.

The text is `value`, or the case's `expected`. An empty text is refused: every answer contains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.domain.checks.spec import Answer, CheckError, CheckType, Observation, Parameter
from evals.domain.checks.wording import quote, wanted_text


def prepare(params: Mapping[str, Any], expected: Any) -> str:
    """The text to look for; CheckError when it is empty or missing."""
    wanted = wanted_text(params, expected)
    if not wanted:
        raise CheckError("every answer contains the empty text")
    return wanted


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Look for the text, with or without regard to case."""
    wanted = prepare(params, expected)
    found = wanted in answer.text
    if params["ignore_case"]:
        found = wanted.casefold() in answer.text.casefold()
    if found:
        return Observation(True, f"contains {quote(wanted)}")
    return Observation(False, f"{quote(wanted)} is not in {quote(answer.text)}")


CHECK = CheckType(
    type="contains",
    documentation=__doc__,
    parameters=(
        Parameter(
            "value",
            {"type": "string", "minLength": 1},
            "The text; the case's `expected` when left out.",
        ),
        Parameter(
            "ignore_case",
            {"type": "boolean"},
            "Upper and lower case letters are the same.",
            default=False,
        ),
    ),
    evaluate=evaluate,
    prepare=prepare,
)
