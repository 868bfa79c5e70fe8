"""Percentiles with intervals from order statistics; nothing is assumed about the distribution.

The percentile bootstrap is not used: for p95 its nominal 95 % interval covers 88 to 93 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

QUANTILES = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Percentile:
    """A nearest-rank percentile: a value that was measured.

    A bound is None where so few values cannot give one at this confidence: p95 has an upper bound
    from 72 values on, p99 from 368 (two-sided, 95 %).
    """

    quantile: float
    value: float
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {"q": self.quantile, "value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Percentile:
        """Read what `to_json` wrote."""
        return cls(data["q"], data["value"], data["low"], data["high"])


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric of one arm at one level. `metric` is its name with the unit, as `ttft_ms`."""

    metric: str
    count: int
    mean: float
    percentiles: tuple[Percentile, ...]

    def at(self, quantile: float) -> Percentile | None:
        """One of the QUANTILES; None for another one, and when there were no values."""
        return next((found for found in self.percentiles if found.quantile == quantile), None)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {
            "metric": self.metric,
            "count": self.count,
            "mean": self.mean,
            "percentiles": [each.to_json() for each in self.percentiles],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MetricSummary:
        """Read what `to_json` wrote."""
        found = tuple(Percentile.from_json(each) for each in data["percentiles"])
        return cls(data["metric"], data["count"], data["mean"], found)


def percentile(values: Sequence[float], quantile: float, confidence: float | None) -> Percentile:
    """The percentile of `values`, which are sorted and not empty.

    `confidence` is that of the two-sided interval. None gives no interval: for values that depend
    on each other, as the gaps inside one answer do.
    """
    value = values[max(1, math.ceil(len(values) * quantile)) - 1]
    if confidence is None:
        return Percentile(quantile, value, None, None)
    low, high = ranks(len(values), quantile, confidence)
    return Percentile(
        quantile,
        value,
        values[low - 1] if low >= 1 else None,
        values[high - 1] if high <= len(values) else None,
    )


@lru_cache(maxsize=4096)
def ranks(count: int, quantile: float, confidence: float) -> tuple[int, int]:
    """Ranks l and u, from 1, with P(X(l) <= quantile <= X(u)) >= confidence; count independent
    values. 0 or count + 1 where no rank is far enough out.

    The number of values below the true percentile is Binomial(count, quantile). X(l) lies above it
    when fewer than l values do not, X(u) below it when at least u do; each may happen with
    probability (1 - confidence)/2. David and Nagaraja, Order Statistics (2003), section 7.1.
    """
    from scipy.stats import binom

    tail = (1 - confidence) / 2
    low = int(binom.ppf(tail, count, quantile))
    high = int(binom.ppf(1 - tail, count, quantile)) + 1
    return low, high


def summarise(metric: str, values: Iterable[float], confidence: float | None) -> MetricSummary:
    """Mean and percentiles; no percentiles for no values."""
    ordered = sorted(values)
    if not ordered:
        return MetricSummary(metric, 0, 0.0, ())
    mean = math.fsum(ordered) / len(ordered)
    found = tuple(percentile(ordered, quantile, confidence) for quantile in QUANTILES)
    return MetricSummary(metric, len(ordered), mean, found)
