"""How well a judge agrees with people: rates with Wilson intervals, Cohen's kappa with its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evals.domain.statistics.interval import Estimate, Interval, StatisticsInputError, two_sided_z
from evals.domain.statistics.wilson import wilson


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of counted cases. `value` is None when there was nothing to count."""

    value: float | None
    count: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class Agreement:
    """A judge against human labels. TPR: of what people pass, the share the judge passes; TNR: of
    what people fail, the share the judge fails.
    """

    labels: int
    accuracy: Rate
    tpr: Rate
    tnr: Rate
    kappa: Estimate


def agreement(human: Sequence[bool], judge: Sequence[bool], confidence: float = 0.95) -> Agreement:
    """Pass or fail of the same answers, in the same order."""
    if not human or len(human) != len(judge):
        raise StatisticsInputError("agreement needs as many judgements as labels, and some")
    pairs = list(zip(human, judge, strict=True))
    right = [person == machine for person, machine in pairs]
    return Agreement(
        labels=len(pairs),
        accuracy=_rate(right, confidence),
        tpr=_rate([machine for person, machine in pairs if person], confidence),
        tnr=_rate([not machine for person, machine in pairs if not person], confidence),
        kappa=cohens_kappa([str(h) for h in human], [str(j) for j in judge], confidence),
    )


def _rate(hits: Sequence[bool], confidence: float) -> Rate:
    value = sum(hits) / len(hits) if hits else None
    return Rate(value, len(hits), wilson(sum(hits), len(hits), confidence))


def cohens_kappa(one: Sequence[str], other: Sequence[str], confidence: float = 0.95) -> Estimate:
    """Agreement beyond chance: 1 is perfect, 0 is what guessing with the same habits would give.

    Large-sample error of Fleiss, Cohen and Everitt 1969. That error is 0 when nothing disagrees,
    however few labels there are; the interval then comes from the Wilson bound of the agreement.
    When both sides know one label only, there is nothing to agree on: 0, between -1 and 1.
    """
    n = len(one)
    if not n or len(other) != n:
        raise StatisticsInputError("agreement needs as many judgements as labels, and some")
    names = sorted({*one, *other})
    share = {name: (one.count(name) / n, other.count(name) / n) for name in names}
    chance = math.fsum(a * b for a, b in share.values())
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / n
    if chance == 1:
        return Estimate(0.0, 0.0, Interval(-1.0, 1.0))
    value = (agreed - chance) / (1 - chance)
    if agreed in (0, 1):
        bound = wilson(agreed * n, n, confidence)
        ends = ((rate - chance) / (1 - chance) for rate in (bound.low, bound.high))
        return Estimate(value, 0.0, Interval(*(min(1.0, max(-1.0, end)) for end in ends)))
    error = _kappa_error(one, other, share, agreed, chance)
    half = two_sided_z(confidence) * error
    return Estimate(value, error, Interval(max(-1.0, value - half), min(1.0, value + half)))


def _kappa_error(
    one: Sequence[str],
    other: Sequence[str],
    share: dict[str, tuple[float, float]],
    agreed: float,
    chance: float,
) -> float:
    """Square root of the delta-method variance, summed over the answers instead of the table.

    The influence of an answer (i, j) on kappa is
    [1(i = j)(1 - Pe) - (1 - Po)(share₁(j) + share₂(i))]/(1 - Pe)² up to a constant.
    """
    n = len(one)
    influence = [
        (a == b) * (1 - chance) - (1 - agreed) * (share[b][0] + share[a][1])
        for a, b in zip(one, other, strict=True)
    ]
    mean = math.fsum(influence) / n
    square = math.fsum((value - mean) ** 2 for value in influence) / n
    return math.sqrt(square / n) / (1 - chance) ** 2
