"""The answer did not cost more than an amount.

The cost is that of the request's and the answer's tokens at the prices of the model in models.yaml.
An answer of a model without prices, or whose tokens were not counted, is an error, never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from evals.domain.checks.spec import Answer, CheckError, CheckType, Observation, Parameter


def evaluate(params: Mapping[str, Any], answer: Answer, _expected: Any) -> Observation:
    """Compare the cost with the limit."""
    cost, limit = answer.cost_usd, params["max_usd"]
    if cost is None or not math.isfinite(cost) or cost < 0:
        raise CheckError("the cost of the answer is not known: does the model have a `price`?")
    relation = "within" if cost <= limit else "over"
    return Observation(cost <= limit, f"{cost:.6f} USD, {relation} {limit:g} USD")


CHECK = CheckType(
    type="max_cost",
    documentation=__doc__,
    parameters=(
        Parameter(
            "max_usd",
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
            "Most US dollars for the request and its answer.",
            required=True,
        ),
    ),
    evaluate=evaluate,
)
