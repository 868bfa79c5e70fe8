"""The answer is not longer than a number of tokens.

The count is the model server's own. An answer whose tokens were not counted is an error, never a
pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.domain.checks.spec import Answer, CheckError, CheckType, Observation, Parameter


def evaluate(params: Mapping[str, Any], answer: Answer, _expected: Any) -> Observation:
    """Compare the count with the limit."""
    count, limit = answer.completion_tokens, params["max"]
    if count is None or count < 0:
        raise CheckError("the tokens of the answer were not counted")
    relation = "within" if count <= limit else "over"
    return Observation(count <= limit, f"{count:,} tokens, {relation} {limit:,}")


CHECK = CheckType(
    type="max_tokens",
    documentation=__doc__,
    parameters=(
        Parameter(
            "max",
            {"type": "integer", "minimum": 1, "maximum": 10_000_000},
            "Most tokens of the answer.",
            required=True,
        ),
    ),
    evaluate=evaluate,
)
