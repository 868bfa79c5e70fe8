"""At least one of several checks passes, or at least `min` of them.

The score is the mean of the `min` best scores; with `threshold` it must reach that instead. A
`weight` has no meaning among the `checks` here. If one of them cannot be evaluated, this check
cannot, whatever the others say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from evals.domain.checks.composite import MAX_NESTED, NESTED, Nested, tell
from evals.domain.checks.spec import Answer, CheckType, Observation, Parameter, Problem

_MIN = Parameter(
    "min",
    {"type": "integer", "minimum": 1, "maximum": MAX_NESTED},
    "How many of them must pass.",
    default=1,
)


def declare(types: Mapping[str, CheckType]) -> CheckType:
    """The check; `types` are all checks there are, itself included."""
    nested = Nested(types)

    def problems(params: Mapping[str, Any]) -> Iterator[Problem]:
        yield from nested.problems(params)
        if params["min"] > len(params["checks"]):
            yield Problem(("min",), f"`min` is more than the {len(params['checks'])} checks")
        for index, item in enumerate(params["checks"]):
            if "weight" in item:
                yield Problem(("checks", index, "weight"), "`weight` has no meaning inside `any`")

    def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
        outcomes, least = nested.run(params, answer, expected), params["min"]
        passed = sum(outcome.passed for outcome in outcomes)
        best = sorted((outcome.score for outcome in outcomes), reverse=True)[:least]
        return Observation(passed >= least, tell(outcomes), min(math.fsum(best) / least, 1.0))

    return CheckType(
        type="any",
        documentation=__doc__,
        parameters=(NESTED, _MIN),
        evaluate=evaluate,
        problems=problems,
        prepare=nested.prepare,
    )
