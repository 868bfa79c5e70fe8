"""Two arms measured side by side, answer by answer: how much more one takes than the other.

Means: the paired t interval for a difference, Fieller's for a ratio (Fieller 1954), both with
clustered errors. Percentiles: an exact test at the common order statistic. If the arms do not
differ, exchanging the two figures of a pair changes nothing, and neither does it change the
q-quantile of all figures together; so the pairs of which only one figure lies above that quantile
fall either way like fair coins (McNemar at the pooled quantile; whole clusters are exchanged when
clusters are given). Bounds are the shifts, or factors, that this test just rejects. There is no
random number in it, and it keeps what it promises where the bootstrap of p95 does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

from evals.domain.statistics.binomial import at_least
from evals.domain.statistics.interval import StatisticsInputError
from evals.domain.statistics.mcnemar import fewest_flips
from evals.domain.statistics.mean import clustered_mean, student_t
from evals.domain.statistics.percentiles import Bounds, percentile

if TYPE_CHECKING:
    from numpy import float64, intp
    from numpy.typing import NDArray

    Figures = NDArray[float64]
    Counts = NDArray[intp]

_STEPS = 50
#: Above so many exceedances the exchange of clusters is counted by the normal curve.
_EXACT = 2_000


@dataclass(frozen=True, slots=True)
class PairedSample:
    """Figures of both arms in the same order, in one unit. `clusters` as in `clustered_mean`."""

    candidate: Sequence[float]
    baseline: Sequence[float]
    clusters: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what is not paired."""
        n = len(self.candidate)
        if not n or len(self.baseline) != n or (self.clusters and len(self.clusters) != n):
            raise StatisticsInputError("paired samples have as many figures in each arm, and some")


@dataclass(frozen=True, slots=True)
class Change:
    """What the candidate adds: a difference in the unit measured, or a factor (1.2 is 20 % more).

    Bounds are None where the sample is too small to bound that side.
    """

    value: float
    bounds: Bounds


def mean_difference(sample: PairedSample, confidence: float = 0.95) -> Change:
    """Mean of candidate minus baseline; no bounds with fewer than two clusters."""
    gaps = [a - b for a, b in zip(sample.candidate, sample.baseline, strict=True)]
    mean = clustered_mean(gaps, sample.clusters)
    if mean.error is None:
        return Change(mean.value, Bounds(None, None))
    interval = mean.estimate(confidence).interval
    return Change(mean.value, Bounds(interval.low, interval.high))


def mean_ratio(sample: PairedSample, confidence: float = 0.95) -> Change:
    """Mean of the candidate over mean of the baseline, which must be above zero."""
    top, bottom = fmean(sample.candidate), fmean(sample.baseline)
    if bottom <= 0 or min(sample.candidate) < 0:
        raise StatisticsInputError("a ratio needs figures of zero or more, and a baseline")
    value = top / bottom
    plain = clustered_mean(sample.baseline, sample.clusters)
    if plain.error is None:
        return Change(value, Bounds(None, None))
    t = student_t((1 + confidence) / 2, plain.clusters - 1)
    own = clustered_mean(sample.candidate, sample.clusters).error or 0.0
    both = _error_of_gap(sample, 1.0) or 0.0
    # Var(a - b) = Var(a) + Var(b) - 2·Cov(a, b), cluster sums included.
    shared = (own**2 + plain.error**2 - both**2) / 2
    a = bottom**2 - (t * plain.error) ** 2
    b = top * bottom - t**2 * shared
    root = math.sqrt(max(0.0, b**2 - a * (top**2 - (t * own) ** 2)))
    if a <= 0:
        return Change(value, Bounds(None, None))
    return Change(value, Bounds(min(value, (b - root) / a), max(value, (b + root) / a)))


def mean_ratio_p(sample: PairedSample, factor: float) -> float:
    """p-value, one-sided, that the candidate's mean is above `factor` times the baseline's."""
    gap = clustered_mean(_gaps(sample, factor), sample.clusters)
    if gap.error is None:
        return 1.0
    if gap.error == 0:
        return 0.0 if gap.value > 0 else 1.0
    from scipy.special import stdtr

    return float(stdtr(gap.clusters - 1, -gap.value / gap.error))


def percentile_difference(sample: PairedSample, q: float, confidence: float = 0.95) -> Change:
    """Candidate's q-quantile minus the baseline's."""
    value = percentile(sample.candidate, q) - percentile(sample.baseline, q)
    return Change(value, _shift_bounds(sample, q, confidence, value))


def percentile_ratio(sample: PairedSample, q: float, confidence: float = 0.95) -> Change:
    """Candidate's q-quantile over the baseline's; all figures must be above zero."""
    value = percentile(sample.candidate, q) / percentile(sample.baseline, q)
    bounds = _shift_bounds(_logs(sample), q, confidence, math.log(value))
    low, high = (None if bound is None else math.exp(bound) for bound in (bounds.low, bounds.high))
    return Change(value, Bounds(low, high))


def percentile_ratio_p(sample: PairedSample, q: float, factor: float) -> float:
    """p-value, one-sided, that the candidate's q-quantile exceeds `factor` times live's."""
    return _p_above(_Arms.of(_logs(sample)), q, math.log(factor))


def fewest_pairs(q: float, confidence: float = 0.95) -> int:
    """Pairs without which no percentile can be bounded on both sides; 60 for p95 at 95 %."""
    tail = (1 - confidence) / 2
    return math.ceil(fewest_flips(tail) / (2 * min(q, 1 - q)) - 1e-9)


def _gaps(sample: PairedSample, factor: float) -> list[float]:
    return [a - factor * b for a, b in zip(sample.candidate, sample.baseline, strict=True)]


def _error_of_gap(sample: PairedSample, factor: float) -> float | None:
    return clustered_mean(_gaps(sample, factor), sample.clusters).error


def _logs(sample: PairedSample) -> PairedSample:
    if min(*sample.candidate, *sample.baseline) <= 0:
        raise StatisticsInputError("a ratio of percentiles needs figures above zero")
    return PairedSample(
        [math.log(value) for value in sample.candidate],
        [math.log(value) for value in sample.baseline],
        sample.clusters,
    )


def _shift_bounds(sample: PairedSample, q: float, confidence: float, value: float) -> Bounds:
    """Largest shift that is too small, and smallest that is too large."""
    tail = (1 - confidence) / 2
    arms = _Arms.of(sample)
    turned = _Arms(arms.baseline, arms.candidate, arms.places)
    low = _edge(lambda shift: _p_above(arms, q, shift) <= tail, value, _reach(sample))
    high = _edge(lambda shift: _p_above(turned, q, shift) <= tail, -value, _reach(sample))
    return Bounds(low, None if high is None else -high)


def _reach(sample: PairedSample) -> float:
    """A shift after which one arm lies wholly above the other."""
    figures = (*sample.candidate, *sample.baseline)
    return max(figures) - min(figures) + 1.0


def _edge(is_rejected: Callable[[float], bool], value: float, reach: float) -> float | None:
    low, high = value - 2 * reach, value
    if not is_rejected(low):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_rejected(middle) else (low, middle)
    return low


@dataclass(frozen=True, slots=True)
class _Arms:
    """A sample as arrays, made once for many shifts. `places` numbers the clusters in the order in
    which they come up; None without clusters.
    """

    candidate: Figures
    baseline: Figures
    places: Counts | None

    @classmethod
    def of(cls, sample: PairedSample) -> _Arms:
        import numpy as np

        numbers = {name: place for place, name in enumerate(dict.fromkeys(sample.clusters))}
        places = np.asarray([numbers[name] for name in sample.clusters], dtype=np.intp)
        return cls(
            np.asarray(sample.candidate, dtype=float),
            np.asarray(sample.baseline, dtype=float),
            places if sample.clusters else None,
        )


def _p_above(arms: _Arms, q: float, shift: float) -> float:
    """p-value, one-sided, that the candidate less `shift` has the higher q-quantile."""
    import numpy as np

    moved, still = arms.candidate - shift, arms.baseline
    pooled = np.concatenate((moved, still))
    rank = min(len(pooled) - 1, max(0, math.ceil(q * len(pooled)) - 1))
    edge = np.partition(pooled, rank)[rank]
    gaps = (moved > edge).astype(int) - (still > edge).astype(int)
    if arms.places is None:
        up, down = int((gaps > 0).sum()), int((gaps < 0).sum())
        return at_least(up, up + down, 0.5)
    sums = np.zeros(int(arms.places.max()) + 1, dtype=int)
    np.add.at(sums, arms.places, gaps)
    return _exchange_p(sums[sums != 0].tolist())


def _exchange_p(sums: Sequence[int]) -> float:
    """P(Σ ±|s| >= Σ s) when every sign is a fair coin: exact by adding one cluster at a time."""
    import numpy as np

    observed, reach = sum(sums), sum(map(abs, sums))
    if reach == 0:
        return 1.0
    if reach > _EXACT:
        return NormalDist().cdf((1 - observed) / math.sqrt(sum(s * s for s in sums)))
    # Of every total from -reach to reach.
    chances = np.zeros(2 * reach + 1)
    chances[reach] = 1.0
    for size in map(abs, sums):
        half = chances / 2
        chances[:] = 0.0
        chances[size:] += half[:-size]
        chances[:-size] += half[size:]
    return min(1.0, math.fsum(chances[observed + reach :].tolist()))
