"""The answer starts with a text.

The text is `value`, or the case's `expected`. Nothing is forgiven at the start, white space
included, unless `normalise` says so: both sides go through its steps first, as in `exact`. An empty
text is refused: every answer starts with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.domain.checks.normalisers import STEPS, normalise
from evals.domain.checks.spec import Answer, CheckError, CheckType, Observation, Parameter
from evals.domain.checks.wording import quote, wanted_text


def prepare(params: Mapping[str, Any], expected: Any) -> str:
    """The normalised start; CheckError when nothing is left of it."""
    wanted = normalise(wanted_text(params, expected), params["normalise"])
    if not wanted:
        raise CheckError("every answer starts with the empty text")
    return wanted


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Compare the start after normalising both sides."""
    wanted = prepare(params, expected)
    if normalise(answer.text, params["normalise"]).startswith(wanted):
        return Observation(True, f"starts with {quote(wanted)}")
    return Observation(False, f"{quote(answer.text)} does not start with {quote(wanted)}")


CHECK = CheckType(
    type="starts_with",
    documentation=__doc__,
    parameters=(
        Parameter(
            "value",
            {"type": "string", "minLength": 1},
            "The text; the case's `expected` when left out.",
        ),
        STEPS,
    ),
    evaluate=evaluate,
    prepare=prepare,
)
