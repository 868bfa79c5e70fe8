"""The difference between two arms on the same cases, with bounds that hold for few cases too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evals.domain.statistics.interval import Interval
from evals.domain.statistics.mean import ClusteredMean, clustered_mean, standard_error, student_t
from evals.domain.statistics.tango import HALF_A_FLIP, tango_lower

_STEPS = 60
#: Fewer cases or clusters prove nothing, whatever they say: see `fewest_flips`.
_FEWEST = 5
#: Clusters with a flip that a design effect may be read from.
_MEASURED = 10


@dataclass(frozen=True, slots=True)
class BinaryDifference:
    """Cases answered once, each alone: Tango's score bounds, held back by half a flip.

    Fewer than five cases prove nothing. Counts may be fractions when they are a forecast (`grown`).
    """

    worse: float
    better: float
    n: float

    @property
    def value(self) -> float:
        """Candidate minus baseline, as a share of the cases."""
        return (self.better - self.worse) / self.n

    @property
    def error(self) -> float:
        """Standard error if the arms are equally good: sqrt(p_d/n)."""
        return math.sqrt((self.worse + self.better) / self.n / self.n)

    @property
    def effective(self) -> float:
        """Cases that do not depend on each other."""
        return self.n

    def lower(self, confidence: float) -> float:
        """One-sided lower bound."""
        if self.n < _FEWEST:
            return -1.0
        return tango_lower(self.worse, self.better, self.n, confidence, HALF_A_FLIP)

    def upper(self, confidence: float) -> float:
        """One-sided upper bound: the lower one with the arms exchanged."""
        return -BinaryDifference(self.better, self.worse, self.n).lower(confidence)

    def grown(self, factor: float) -> BinaryDifference:
        """The same rates on `factor` times the cases."""
        return BinaryDifference(self.worse * factor, self.better * factor, self.n * factor)


@dataclass(frozen=True, slots=True)
class ClusteredDifference:
    """Cases with repeats or clusters: paired mean with clustered error and Student's t.

    Identical results have no spread, and a normal interval would then prove anything from two
    cases. So the variance is never taken below the least that a difference of that size can have
    between whole cases, d(1 - d) per effective cluster, which is what Tango's score does when no
    case flipped; and half a flip is held back as there.
    """

    value: float
    error: float
    clusters: float
    effective: float

    def lower(self, confidence: float) -> float:
        """One-sided lower bound; -1 with fewer than five clusters."""
        if self.clusters < _FEWEST:
            return -1.0
        t = student_t(confidence, max(1, round(self.clusters) - 1))
        plain = self.value - HALF_A_FLIP / self.effective - t * self.error
        return max(-1.0, min(plain, self._least(t)))

    def upper(self, confidence: float) -> float:
        """One-sided upper bound: the lower one with the arms exchanged."""
        turned = ClusteredDifference(-self.value, self.error, self.clusters, self.effective)
        return -turned.lower(confidence)

    def grown(self, factor: float) -> ClusteredDifference:
        """The same spread on `factor` times the clusters."""
        return ClusteredDifference(
            self.value,
            self.error / math.sqrt(factor),
            self.clusters * factor,
            self.effective * factor,
        )

    def _least(self, t: float) -> float:
        low, high = -1.0, self.value
        for _ in range(_STEPS):
            d = (low + high) / 2
            spread = math.sqrt(abs(d) * (1 - abs(d)) / self.effective)
            if self.value - d - HALF_A_FLIP / self.effective > t * spread:
                low = d
            else:
                high = d
        return low


Difference = BinaryDifference | ClusteredDifference


def bounds(difference: Difference, confidence: float) -> Interval:
    """Two-sided interval at `confidence`."""
    level = (1 + confidence) / 2
    return Interval(difference.lower(level), difference.upper(level))


def difference_of(gaps: Sequence[float], clusters: Sequence[str]) -> Difference:
    """From candidate minus baseline, case by case, and the cluster of each case."""
    if len(set(clusters)) == len(gaps) and all(gap in (-1.0, 0.0, 1.0) for gap in gaps):
        worse, better = sum(gap < 0 for gap in gaps), sum(gap > 0 for gap in gaps)
        return BinaryDifference(worse, better, len(gaps))
    mean = clustered_mean(gaps, clusters)
    error = 1.0 if mean.error is None else mean.error
    return ClusteredDifference(mean.value, error, mean.clusters, _worth(gaps, clusters, mean))


def _worth(gaps: Sequence[float], clusters: Sequence[str], mean: ClusteredMean) -> float:
    """Independent cases that these are worth. Clusters that stand or fall as one, unless enough
    of them flipped to measure how much their cases have in common.
    """
    flipped = {name for name, gap in zip(clusters, gaps, strict=True) if gap}
    if mean.clusters == mean.n or mean.error is None or len(flipped) < _MEASURED:
        return mean.effective
    alike = (mean.error / standard_error(gaps)) ** 2
    return max(mean.effective, mean.n / max(1.0, alike))
