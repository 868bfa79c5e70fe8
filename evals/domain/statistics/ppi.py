"""A judge's mean corrected by a few human labels: prediction-powered inference.

PPI++: Angelopoulos, Duchi and Zrnic 2023 (arXiv 2311.01453); the tuned weight never does worse
than the human labels alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from evals.domain.statistics.interval import (
    Estimate,
    Interval,
    StatisticsInputError,
    two_sided_z,
)

_TWO = 2


@dataclass(frozen=True, slots=True)
class JudgedMean:
    """The three ways to say the mean. `weight` λ is the trust in the judge: 0 none, 1 full.

    `judge` is what the judge says of all cases, uncorrected; `human` uses the labels alone.
    """

    corrected: Estimate
    weight: float
    judge: Estimate
    human: Estimate


def ppi_mean(
    labels: Sequence[float],
    judged: Sequence[float],
    unlabelled: Sequence[float],
    confidence: float = 0.95,
    weight: float | None = None,
) -> JudgedMean:
    """The mean score as humans would give it, from few `labels` and many judgements.

    `judged` are the judge's scores of the labelled cases, in the order of `labels`; `unlabelled`
    its scores of the others. θ = λ·mean(f(unlabelled)) + mean(Y - λf(labelled)),
    λ = Cov(Y, f)/((1 + n/N)·Var(f)) kept within 0 and 1, or `weight`. Tuning it is right only when
    the labelled cases were drawn from the same as the others; with λ = 1 (the first PPI) it is
    enough that the judge errs alike on both.
    """
    n, many = len(labels), len(unlabelled)
    if len(judged) != n or min(n, many) < _TWO:
        raise StatisticsInputError("it takes two labelled and two unlabelled cases or more")
    if weight is None:
        weight = _weight(labels, judged, unlabelled)
    gaps = [label - weight * score for label, score in zip(labels, judged, strict=True)]
    value = weight * fmean(unlabelled) + fmean(gaps)
    error = math.sqrt(weight**2 * variance(unlabelled) / many + variance(gaps) / n)
    return JudgedMean(
        corrected=_normal(value, error, confidence),
        weight=weight,
        judge=_plain((*judged, *unlabelled), confidence),
        human=_plain(labels, confidence),
    )


def ppi_paired_mean(
    labels: Sequence[tuple[float, float]],
    judged: Sequence[tuple[float, float]],
    unlabelled: Sequence[tuple[float, float]],
    confidence: float = 0.95,
) -> JudgedMean:
    """The same for the difference of two arms: pairs are (candidate, baseline) of one case."""
    return ppi_mean(_gaps(labels), _gaps(judged), _gaps(unlabelled), confidence)


def _gaps(pairs: Sequence[tuple[float, float]]) -> list[float]:
    return [candidate - baseline for candidate, baseline in pairs]


def _weight(labels: Sequence[float], judged: Sequence[float], unlabelled: Sequence[float]) -> float:
    spread = variance((*judged, *unlabelled))
    if spread == 0:
        return 0.0
    middle, centre = fmean(labels), fmean(judged)
    products = ((y - middle) * (f - centre) for y, f in zip(labels, judged, strict=True))
    together = math.fsum(products) / (len(labels) - 1)
    return min(1.0, max(0.0, together / ((1 + len(labels) / len(unlabelled)) * spread)))


def _plain(values: Sequence[float], confidence: float) -> Estimate:
    return _normal(fmean(values), math.sqrt(variance(values) / len(values)), confidence)


def _normal(value: float, error: float, confidence: float) -> Estimate:
    half = two_sided_z(confidence) * error
    return Estimate(value, error, Interval(value - half, value + half))
