"""All of several checks pass, or enough of them by weight.

The score is the mean of the scores of `checks`, weighted by their `weight`. Without `threshold`
each of them must pass (those of weight 0 are only recorded); with it the score must reach it,
whichever of them fail. If one of them cannot be evaluated, this check cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evals.domain.checks.composite import NESTED, Nested, tell
from evals.domain.checks.spec import Answer, CheckType, Observation, Problem
from evals.domain.checks.weighing import counting, mean_score


def declare(types: Mapping[str, CheckType]) -> CheckType:
    """The check; `types` are all checks there are, itself included."""
    nested = Nested(types)

    def problems(params: Mapping[str, Any]) -> Iterator[Problem]:
        yield from nested.problems(params)
        if all(item.get("weight", 1) == 0 for item in params["checks"]):
            yield Problem(("checks",), "no check decides: every weight is 0")

    def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
        outcomes = nested.run(params, answer, expected)
        passed = all(outcome.passed for outcome in counting(outcomes))
        return Observation(passed, tell(outcomes), mean_score(outcomes))

    return CheckType(
        type="all",
        documentation=__doc__,
        parameters=(NESTED,),
        evaluate=evaluate,
        problems=problems,
        prepare=nested.prepare,
    )
