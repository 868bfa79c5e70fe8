"""What the checks of one answer come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evals.domain.checks.spec import CheckOutcome
from evals.domain.checks.weighing import counting, mean_score, reaches


@dataclass(frozen=True, slots=True)
class CaseScore:
    """The verdict on one answer. `score` is from 0 to 1."""

    passed: bool
    score: float
    critical_failure: bool


def score_case(outcomes: Sequence[CheckOutcome], threshold: float | None) -> CaseScore:
    """The weighted mean of the scores, and whether it is good enough.

    Without a threshold every check that has weight must pass; with one the mean must reach it.
    A critical check must pass either way. CheckError when nothing has weight: no check decides.
    """
    score = mean_score(outcomes)
    critical_failure = any(outcome.critical and not outcome.passed for outcome in outcomes)
    if threshold is None:
        enough = all(outcome.passed for outcome in counting(outcomes))
    else:
        enough = reaches(score, threshold)
    return CaseScore(enough and not critical_failure, score, critical_failure)
