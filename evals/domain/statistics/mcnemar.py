"""McNemar's exact test: whether the cases that flipped did so one way more than the other."""

from __future__ import annotations

import math

from evals.domain.statistics.binomial import at_least
from evals.domain.statistics.interval import StatisticsInputError


def mcnemar(worse: int, better: int) -> float:
    """Two-sided p-value min(1, 2·P(X <= min(worse, better))), X ~ Binomial(worse + better, 1/2).

    Only for cases that were answered once each and do not depend on each other; 1.0 without flips.
    """
    return min(1.0, 2 * mcnemar_one_sided(max(worse, better), min(worse, better)))


def mcnemar_one_sided(worse: int, better: int) -> float:
    """p-value that the candidate is worse: P(X >= worse), X ~ Binomial(worse + better, 1/2)."""
    if min(worse, better) < 0:
        raise StatisticsInputError(f"{worse} and {better} flips cannot be")
    return at_least(worse, worse + better, 0.5)


def fewest_flips(alpha: float) -> int:
    """Flips that a one-sided test needs to show anything, all of them one way; 5 for 0.05."""
    if not 0 < alpha < 1:
        raise StatisticsInputError(f"alpha must lie between 0 and 1, it is {alpha}")
    return max(1, math.ceil(math.log(alpha) / math.log(0.5) - 1e-12))
