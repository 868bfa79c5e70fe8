"""Percentile tables, with intervals from order statistics (evals.domain.statistics)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.domain.statistics import percentile, percentile_bounds

QUANTILES = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Percentile:
    """One percentile, linear between neighbours as in `vllm bench serve`.

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


def summarise(metric: str, values: Iterable[float], confidence: float | None) -> MetricSummary:
    """Mean and percentiles; no percentiles for no values.

    `confidence` is that of the two-sided intervals. None gives none: for values that depend on
    each other, as the gaps inside one answer do.
    """
    ordered = sorted(values)
    if not ordered:
        return MetricSummary(metric, 0, 0.0, ())
    mean = math.fsum(ordered) / len(ordered)
    found = tuple(_percentile(ordered, quantile, confidence) for quantile in QUANTILES)
    return MetricSummary(metric, len(ordered), mean, found)


def _percentile(values: Sequence[float], quantile: float, confidence: float | None) -> Percentile:
    value = percentile(values, quantile)
    if confidence is None:
        return Percentile(quantile, value, None, None)
    bounds = percentile_bounds(values, quantile, confidence)
    return Percentile(quantile, value, bounds.low, bounds.high)
