"""The statistics of the gate. Pure; what needs scipy imports it where it is used."""

from __future__ import annotations

from evals.domain.statistics.binomial import at_least, rate_for_power
from evals.domain.statistics.interval import (
    Estimate,
    Interval,
    StatisticsInputError,
    one_sided_z,
    two_sided_z,
)
from evals.domain.statistics.wilson import (
    cases_to_decide,
    most_failing_passes,
    needed_passes,
    wilson,
)

__all__ = [
    "Estimate",
    "Interval",
    "StatisticsInputError",
    "at_least",
    "cases_to_decide",
    "most_failing_passes",
    "needed_passes",
    "one_sided_z",
    "rate_for_power",
    "two_sided_z",
    "wilson",
]
