"""How much slower the candidate is than the live version, with an interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from evals.domain.statistics import PairedSample, percentile, percentile_ratio


@dataclass(frozen=True, slots=True)
class RelativeChange:
    """Candidate over baseline minus 1: 0.2 is 20 % slower. Bounds None: not enough requests.

    The interval is two-sided at `confidence`. `pairs` are the requests both arms answered.
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
        return asdict(self)


def relative_change(
    metric: str,
    sample: PairedSample | None,
    quantile: float,
    *,
    confidence: float,
    concurrency: int,
) -> RelativeChange | None:
    """Compare one percentile of both arms, pair by pair (`percentile_ratio`).

    None without pairs, or when a time is 0: nothing is a multiple of it.
    """
    if sample is None or min(*sample.candidate, *sample.baseline) <= 0:
        return None
    ratio = percentile_ratio(sample, quantile, confidence)
    low, high = ratio.bounds.low, ratio.bounds.high
    return RelativeChange(
        metric=metric,
        quantile=quantile,
        concurrency=concurrency,
        pairs=len(sample.candidate),
        candidate=percentile(sample.candidate, quantile),
        baseline=percentile(sample.baseline, quantile),
        change=ratio.value - 1,
        low=None if low is None else low - 1,
        high=None if high is None else high - 1,
        confidence=confidence,
    )
