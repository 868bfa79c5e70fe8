"""The answer equals one of several texts.

The texts are `values`, or the case's `expected`: a list, or a single text. Both sides first go
through the `normalise` steps, as in `exact`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.domain.checks.normalisers import STEPS, normalise
from evals.domain.checks.spec import Answer, CheckType, Observation, Parameter
from evals.domain.checks.wording import quote, wanted_texts


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Compare with each text after normalising."""
    steps, wanted = params["normalise"], wanted_texts(params, expected)
    given = normalise(answer.text, steps)
    for text in wanted:
        if normalise(text, steps) == given:
            return Observation(True, f"equals {quote(text)}")
    return Observation(False, f"expected one of {quote(wanted)}, got {quote(answer.text)}")


CHECK = CheckType(
    type="one_of",
    documentation=__doc__,
    parameters=(
        Parameter(
            "values",
            {
                "type": "array",
                "items": {"type": ["string", "integer"]},
                "minItems": 1,
                "maxItems": 1_000,
            },
            "The texts; the case's `expected` when left out.",
        ),
        STEPS,
    ),
    evaluate=evaluate,
    prepare=wanted_texts,
)
