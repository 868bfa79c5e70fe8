"""Means and how sure they are: each case alone, or in clusters that stand or fall together.

Formulas: Miller 2024, "Adding error bars to evals" (arXiv 2411.00640).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from evals.domain.statistics.interval import Estimate, Interval, StatisticsInputError


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean over `n` values in `clusters` clusters.

    `error` is None with fewer than two clusters: then nothing says how far the mean may be off.
    `effective` is n²/Σ size²: the number of equal clusters that would be worth as much.
    """

    value: float
    n: int
    clusters: int
    effective: float
    error: float | None

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """With Student's t on clusters - 1 degrees of freedom, which few clusters need."""
        if self.error is None:
            raise StatisticsInputError("one cluster alone says nothing about its spread")
        half = student_t((1 + confidence) / 2, self.clusters - 1) * self.error
        return Estimate(self.value, self.error, Interval(self.value - half, self.value + half))


def standard_error(values: Sequence[float]) -> float:
    """sqrt(Σ(s - mean)²/(n(n - 1))) of at least two values that do not depend on each other."""
    n = len(values)
    if n < 2:
        raise StatisticsInputError("it takes two values to have a spread")
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n * (n - 1)))


def clustered_mean(values: Sequence[float], clusters: Sequence[str] = ()) -> ClusteredMean:
    """The mean with SE² = C/(C - 1)·Σ_c (Σ_{i in c}(s_i - mean))²/n², the form Inspect uses.

    `clusters` names the cluster of each value; empty: each value is its own, and the formula is
    that of `standard_error`.
    """
    if not values or (clusters and len(clusters) != len(values)):
        raise StatisticsInputError("a mean needs values, each with its cluster")
    n, mean = len(values), fmean(values)
    names = clusters or [str(index) for index in range(n)]
    sums: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for name, value in zip(names, values, strict=True):
        sums[name] = sums.get(name, 0.0) + value - mean
        sizes[name] = sizes.get(name, 0) + 1
    count = len(sums)
    error = None
    if count > 1:
        square = math.fsum(total**2 for total in sums.values())
        error = math.sqrt(count / (count - 1) * square) / n
    effective = n**2 / sum(size**2 for size in sizes.values())
    return ClusteredMean(mean, n, count, effective, error)


def design_effect(size: float, correlation: float) -> float:
    """1 + (m - 1)·rho: how much clusters of `size` widen the variance of a mean (Kish 1965)."""
    return 1 + (size - 1) * correlation


def student_t(probability: float, degrees: int) -> float:
    """Quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
