"""How much slower the candidate is than the live version, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evals.domain.latency.percentiles import Percentile, percentile

#: Steps of the search for a p-value: finer than anybody reads one.
_HALVINGS = 24


@dataclass(frozen=True, slots=True)
class RelativeChange:
    """Candidate over baseline minus 1: 0.2 is 20 % slower. Bounds None: not enough requests.

    The interval is two-sided at `confidence`. `pairs` are the questions both arms answered.
    """

    metric: str
    quantile: float
    concurrency: int
    pairs: int
    candidate: float
    baseline: float
    change: float
    low: float | None
    high: float | None
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """For readers; a report computes it anew."""
        return {name: getattr(self, name) for name in self.__slots__}


def relative_change(
    metric: str,
    pairs: Sequence[tuple[float, float]],
    quantile: float,
    *,
    confidence: float,
    concurrency: int = 1,
) -> RelativeChange | None:
    """Compare one percentile of (candidate, baseline) times. None without pairs, or when a
    percentile is 0 and nothing is a multiple of it.

    Both intervals come from order statistics and are put together on the logarithmic scale by
    MOVER (Zou and Donner 2008): with estimates a, b and their intervals, the lower bound of a - b
    is a - b - sqrt((a - low a)² + (high b - b)²). It takes the arms for independent; interleaving
    makes them rise and fall together, which only makes the interval too wide.
    """
    candidate, baseline = ordered(pairs)
    if not pairs or candidate[0] <= 0 or baseline[0] <= 0:
        return None
    ours = percentile(candidate, quantile, confidence)
    theirs = percentile(baseline, quantile, confidence)
    low, high = _bound(ours, theirs, -1), _bound(ours, theirs, 1)
    return RelativeChange(
        metric=metric,
        quantile=quantile,
        concurrency=concurrency,
        pairs=len(pairs),
        candidate=ours.value,
        baseline=theirs.value,
        change=ours.value / theirs.value - 1,
        low=None if low is None else math.expm1(low),
        high=None if high is None else math.expm1(high),
        confidence=confidence,
    )


def p_value_of_increase(
    pairs: Sequence[tuple[float, float]], quantile: float, max_increase: float
) -> float:
    """One-sided p-value against "the percentile grew by at most `max_increase`"; at most 0.5.

    The smallest p whose lower bound, at the two-sided confidence 1 - 2p, lies above the limit:
    what Holm's correction across guardrails needs. 0.5 stands for everything that proves nothing.
    """
    candidate, baseline = ordered(pairs)
    if not pairs or candidate[0] <= 0 or baseline[0] <= 0:
        return 0.5
    limit = math.log1p(max_increase)
    low, high = 0.0, 0.5
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        confidence = 1 - 2 * middle
        ours = percentile(candidate, quantile, confidence)
        bound = _bound(ours, percentile(baseline, quantile, confidence), -1)
        low, high = (low, middle) if bound is not None and bound > limit else (middle, high)
    return high


def ordered(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The candidate's times and the baseline's, each sorted."""
    return sorted(pair[0] for pair in pairs), sorted(pair[1] for pair in pairs)


def _bound(ours: Percentile, theirs: Percentile, side: int) -> float | None:
    """The lower (-1) or upper (1) bound of log candidate - log baseline; None: cannot be told."""
    far_ours, far_theirs = (ours.low, theirs.high) if side < 0 else (ours.high, theirs.low)
    if far_ours is None or far_theirs is None:
        return None
    distance = math.hypot(math.log(ours.value / far_ours), math.log(theirs.value / far_theirs))
    return math.log(ours.value / theirs.value) + side * distance
