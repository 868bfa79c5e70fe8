"""Latency as values: what is asked for, what was measured, and what the figures prove. Pure."""

from __future__ import annotations

from evals.domain.latency.change import RelativeChange, relative_change
from evals.domain.latency.goodput import Goodput, goodput
from evals.domain.latency.report import (
    BASELINE,
    CANDIDATE,
    ArmReport,
    ErrorTally,
    LatencyReport,
    LevelReport,
    PrefixCacheUse,
)
from evals.domain.latency.spec import LatencySpec, Slo
from evals.domain.latency.summary import MetricSummary, Percentile, summarise
from evals.domain.latency.tally import LatencyErrorsError, LevelTally
from evals.domain.latency.timing import Timing, gaps

__all__ = [
    "BASELINE",
    "CANDIDATE",
    "ArmReport",
    "ErrorTally",
    "Goodput",
    "LatencyErrorsError",
    "LatencyReport",
    "LatencySpec",
    "LevelReport",
    "LevelTally",
    "MetricSummary",
    "Percentile",
    "PrefixCacheUse",
    "RelativeChange",
    "Slo",
    "Timing",
    "gaps",
    "goodput",
    "relative_change",
    "summarise",
]
