"""A judge's pass rate corrected for its known mistakes: the Rogan-Gladen estimator.

θ = (p + sp - 1)/(se + sp - 1) (Rogan and Gladen 1978). The interval is that of Lang and Reiczigel
2014, which Lee et al. 2026 use for judges: it carries the error of the run and of the calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evals.domain.statistics.interval import (
    Estimate,
    Interval,
    StatisticsInputError,
    two_sided_z,
)
from evals.domain.statistics.wilson import wilson


@dataclass(frozen=True, slots=True)
class Hits:
    """So many right among `n`. Fractions when a case counts by the mean of its repeats, or when
    cases in clusters are worth fewer that stand alone.
    """

    right: float
    n: float

    def __post_init__(self) -> None:
        """Refuse what is no proportion."""
        if not 0 <= self.right <= self.n or self.n == 0:
            raise StatisticsInputError(f"{self.right} of {self.n} is not a proportion")

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.right / self.n


def rogan_gladen(
    passed: Hits, sensitivity: Hits, specificity: Hits, confidence: float = 0.95
) -> Estimate:
    """The true pass rate behind what a judge passed, between 0 and 1.

    `sensitivity`: of answers that people pass, those the judge passed; `specificity`: of answers
    that people fail, those it failed. A judge no better than a coin (se + sp <= 1) is refused.
    """
    skill = sensitivity.share + specificity.share - 1
    if skill <= 0:
        raise StatisticsInputError("this judge is no better than a coin: nothing to correct by")
    value = _kept((passed.share + specificity.share - 1) / skill)
    z = two_sided_z(confidence)
    runs = passed.n + z * z
    rate = (passed.right + z * z / 2) / runs
    se, se_n = (sensitivity.right + 1) / (sensitivity.n + 2), sensitivity.n + 2
    sp, sp_n = (specificity.right + 1) / (specificity.n + 2), specificity.n + 2
    apart = se + sp - 1
    if apart <= 0:
        return Estimate(value, 0.5, Interval(0.0, 1.0))
    middle = (rate + sp - 1) / apart
    se_part, sp_part = se * (1 - se) / se_n, sp * (1 - sp) / sp_n
    shift = 2 * z * z * (middle * se_part - (1 - middle) * sp_part)
    square = rate * (1 - rate) / runs + (1 - middle) ** 2 * sp_part + middle**2 * se_part
    error = math.sqrt(square) / apart
    low, high = (_kept(middle + shift + side * z * error) for side in (-1, 1))
    return Estimate(value, error, Interval(min(low, value), max(high, value)))


def least_skill(sensitivity: Hits, specificity: Hits, confidence: float = 0.95) -> float:
    """The lower bound of se + sp - 1 (Youden's J), from 0 to 1: the share of a true difference
    between two pass rates that such a judge shows at least, when it errs alike on both.

    Newcombe's square-and-add of the two Wilson intervals.
    """
    gaps = [
        rate.share - wilson(rate.right, rate.n, confidence).low
        for rate in (sensitivity, specificity)
    ]
    return _kept(sensitivity.share + specificity.share - 1 - math.hypot(*gaps))


def _kept(share: float) -> float:
    return min(1.0, max(0.0, share))
