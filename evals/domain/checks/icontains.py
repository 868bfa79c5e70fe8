"""The answer contains a text; upper and lower case letters are the same.

The text is `value`, or the case's `expected`: `contains` with `ignore_case: true`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.domain.checks import contains
from evals.domain.checks.spec import Answer, CheckType, Observation, Parameter


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Look for the text without regard to case."""
    return contains.evaluate({**params, "ignore_case": True}, answer, expected)


CHECK = CheckType(
    type="icontains",
    documentation=__doc__,
    parameters=(
        Parameter(
            "value",
            {"type": "string", "minLength": 1},
            "The text; the case's `expected` when left out.",
        ),
    ),
    evaluate=evaluate,
    prepare=contains.prepare,
)
