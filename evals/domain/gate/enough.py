"""How much more measuring would decide an open comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from evals.domain.gate.tally import PairedCase
from evals.domain.statistics import ClusteredDifference, Difference, difference_of
from registry.domain.policy import GatePolicy

#: Nobody collects more cases than this; beyond it the honest answer is "no number of cases".
MOST_CASES = 1_000_000
#: What a suite may ask for.
MOST_REPEATS = 20
#: Above this share of the variance it is the answers, not the cases, that make the result unsure.
_DOMINATES = 0.5


def cases_that_decide(
    seen: Difference, cases: int, policy: GatePolicy, skill: float = 1.0
) -> int | None:
    """Cases in all after which the same rates leave the margin outside the bounds; `skill` as in
    `compare`.
    """
    low, high = cases, cases
    while not _is_decided(seen.grown(high / cases), policy, skill):
        low, high = high, high * 2
        if high > MOST_CASES:
            return None
    while low + 1 < high:
        middle = (low + high) // 2
        if _is_decided(seen.grown(middle / cases), policy, skill):
            high = middle
        else:
            low = middle
    return high


def repeats_that_decide(
    pairs: Sequence[PairedCase], policy: GatePolicy, skill: float = 1.0
) -> int | None:
    """Repeats of every case that would decide without more cases, when it is the spread between
    the answers of one case that makes the result unsure; None when it is not, or is not known
    because every case was answered once.
    """
    noise = sum(map(_noise, pairs)) / len(pairs) ** 2
    seen = difference_of([p.difference for p in pairs], [p.cluster or p.key for p in pairs])
    if not isinstance(seen, ClusteredDifference) or noise < _DOMINATES * seen.error**2:
        return None
    for repeats in range(max(pair.repeats for pair in pairs) + 1, MOST_REPEATS + 1):
        less = sum(_noise(p) * p.repeats / repeats for p in pairs) / len(pairs) ** 2
        error = math.sqrt(max(0.0, seen.error**2 - noise + less))
        if _is_decided(replace(seen, error=error), policy, skill):
            return repeats
    return None


def _noise(pair: PairedCase) -> float:
    """Variance of a pair's difference that more repeats would take away; 0 when not known."""
    if pair.repeats < 2:
        return 0.0
    spread = sum(share * (1 - share) for share in (pair.candidate, pair.baseline))
    return spread / (pair.repeats - 1)


def _is_decided(seen: Difference, policy: GatePolicy, skill: float) -> bool:
    margin = policy.margin or 0.0
    passes = seen.lower(policy.confidence) > -margin * skill
    return passes or seen.upper(policy.confidence) < -margin
