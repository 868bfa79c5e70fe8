"""Goodput: the share of requests that keep every service-level objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.domain.latency.spec import Slo
from evals.domain.latency.timing import Timing
from evals.domain.statistics import Interval, wilson


@dataclass(frozen=True, slots=True)
class Goodput:
    """`good` of `requests`, with the Wilson interval of the share."""

    good: int
    requests: int
    interval: Interval

    @property
    def share(self) -> float:
        """0 to 1; 0 when nothing was measured."""
        return self.good / self.requests if self.requests else 0.0

    def to_json(self) -> dict[str, Any]:
        """For readers; a report computes it anew."""
        low, high = self.interval.low, self.interval.high
        figures = {"good": self.good, "requests": self.requests, "share": self.share}
        return {**figures, "interval": [low, high]}


def is_good(timing: Timing, slo: Slo) -> bool:
    """Whether the request keeps every declared limit.

    As in `vllm bench serve`, an answer of one token keeps every `tpot_ms`.
    """
    measured: Mapping[str, float] = {
        "ttft_ms": timing.ttft_ms,
        "tpot_ms": timing.tpot_ms or 0.0,
        "e2e_ms": timing.e2e_ms,
    }
    return all(measured[name] <= limit for name, limit in slo.to_json().items())


def goodput(timings: Sequence[Timing], errors: int, slo: Slo, confidence: float) -> Goodput | None:
    """Over all requests that ended, failed ones included; None without objectives."""
    if not slo:
        return None
    good, requests = sum(is_good(timing, slo) for timing in timings), len(timings) + errors
    return Goodput(good, requests, wilson(good, requests, confidence))
