"""From a score to a verdict, and from several outcomes to one score."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evals.domain.checks.spec import CheckError, CheckOutcome, CheckSpec, Observation

#: A mean of shares such as 0.1 + 0.2 must not miss 0.3 by the last bit of a float.
_ROUNDING = 1e-9


def reaches(score: float, threshold: float) -> bool:
    """Whether `score` is at least `threshold`, as people reckon."""
    return score >= threshold - _ROUNDING


def counting(outcomes: Sequence[CheckOutcome]) -> tuple[CheckOutcome, ...]:
    """The outcomes that decide something; CheckError when there is none."""
    kept = tuple(outcome for outcome in outcomes if outcome.weight > 0)
    if not kept:
        raise CheckError("no check decides: every weight is 0")
    return kept


def mean_score(outcomes: Sequence[CheckOutcome]) -> float:
    """The weighted mean of the scores, 0 to 1. CheckError when no outcome has weight."""
    kept = counting(outcomes)
    total = math.fsum(outcome.weight for outcome in kept)
    return min(math.fsum(o.weight * o.score for o in kept) / total, 1.0)


def outcome_of(spec: CheckSpec, seen: Observation, default: float | None = None) -> CheckOutcome:
    """What `spec` makes of an observation: first its threshold, then `not`.

    `default` is the threshold of a spec that has none. CheckError for a score outside 0 to 1.
    """
    if not 0 <= seen.score <= 1:  # also when it is NaN
        raise CheckError(f"check {spec.name} came to the score {seen.score}, which is no share")
    passed, score, detail, samples = seen.passed, seen.score, seen.detail, seen.samples
    threshold = default if spec.threshold is None else spec.threshold
    if threshold is not None:
        passed = reaches(score, threshold)
        detail += f"; at least {threshold:g} is asked"
    if spec.negate:
        passed, score = not passed, 1 - score
        samples = tuple(1 - sample for sample in samples)
        detail += "; the opposite is asked"
    return CheckOutcome(
        spec.name, spec.type, passed, spec.critical, detail, score, spec.weight, samples
    )
