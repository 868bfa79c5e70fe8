"""What a pass rate proves, and how many cases a proof takes: the Wilson score interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evals.domain.statistics.interval import Interval, StatisticsInputError, two_sided_z
from evals.domain.statistics.mean import clustered_mean, student_t

#: Clustered errors below this are rounding.
_NO_SPREAD = 1e-9


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a proportion (Wilson 1927); [0, 1] when n is 0.

    The bounds are the two roots q of (p - q)² = z²·q(1 - q)/n. `successes` may be fractional, when
    each case counts by the mean of its repeats: such scores vary less than single answers with the
    same mean, so the interval is then on the safe side.
    """
    if n < 0 or not 0 <= successes <= n:
        raise StatisticsInputError(f"{successes} of {n} is not a proportion")
    z = two_sided_z(confidence)
    return Interval(0.0, 1.0) if n == 0 else _wilson(successes / n, n, z)


def _wilson(p: float, n: float, z: float) -> Interval:
    z2n = z * z / n
    middle = (p + z2n / 2) / (1 + z2n)
    half = z * math.sqrt(p * (1 - p) / n + z2n / (4 * n)) / (1 + z2n)
    # Rounding must not push a bound past the rate it belongs to.
    return Interval(max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half)))


def wilson_clustered(
    values: Sequence[float], clusters: Sequence[str], confidence: float = 0.95
) -> Interval:
    """Wilson interval of a mean of shares (0 to 1) that come in clusters; [0, 1] with one.

    n becomes the number of independent cases with the same clustered error, p(1 - p)/SE², reduced
    for few clusters by the ratio of the normal to Student's quantile, as Korn and Graubard 1998 do
    for surveys. Without any spread n is the effective number of clusters. Never above n cases.
    """
    mean = clustered_mean(values, clusters)
    if mean.error is None:
        return Interval(0.0, 1.0)
    rate = min(1.0, max(0.0, mean.value))
    cases = mean.effective
    if mean.error > _NO_SPREAD:
        cases = min(float(mean.n), rate * (1 - rate) / mean.error**2)
    level = (1 + confidence) / 2
    if mean.clusters < mean.n:
        cases *= (two_sided_z(confidence) / student_t(level, mean.clusters - 1)) ** 2
    return _wilson(rate, cases, two_sided_z(confidence))


def needed_passes(n: int, floor: float, confidence: float) -> int | None:
    """Fewest passes among n cases whose lower bound reaches `floor`; None when even n do not."""
    guess = math.ceil(n * floor + two_sided_z(confidence) * math.sqrt(n * floor * (1 - floor)))
    for passes in range(max(0, guess - 1), n + 1):
        if wilson(passes, n, confidence).low >= floor:
            return passes
    return None


def most_failing_passes(n: int, floor: float, confidence: float) -> int | None:
    """Most passes among n cases whose upper bound stays below `floor`; None when even 0 do not."""
    guess = math.floor(n * floor - two_sided_z(confidence) * math.sqrt(n * floor * (1 - floor)))
    for passes in range(min(n, guess + 1), -1, -1):
        if wilson(passes, n, confidence).high < floor:
            return passes
    return None


def cases_to_decide(pass_rate: float, floor: float, confidence: float) -> int | None:
    """Cases after which this pass rate leaves `floor` outside its interval.

    n = z²·f(1 - f)/(p - f)², from the defining equation of the Wilson interval. None when no number
    of cases is enough: the rate equals the floor, or the floor is 100 %.
    """
    if pass_rate == floor or floor >= 1:
        return None
    z = two_sided_z(confidence)
    return max(1, math.ceil(z * z * floor * (1 - floor) / (pass_rate - floor) ** 2))
