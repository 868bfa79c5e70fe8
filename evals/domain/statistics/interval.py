"""What every statistic of the gate is made of: bounds, and the quantiles that set their width."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from core.errors import InvalidError


class StatisticsInputError(InvalidError):
    """These figures are no measurement that this statistic is made for."""

    code = "statistics_input"


@dataclass(frozen=True, slots=True)
class Interval:
    """Lower and upper bound, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its standard error and its interval, all in the unit of what was measured."""

    value: float
    error: float
    interval: Interval


def two_sided_z(confidence: float) -> float:
    """Standard normal quantile that leaves (1 - confidence)/2 on each side; 1.96 for 0.95."""
    return one_sided_z((1 + _checked(confidence)) / 2)


def one_sided_z(confidence: float) -> float:
    """Standard normal quantile that leaves 1 - confidence above it; 1.645 for 0.95."""
    return NormalDist().inv_cdf(_checked(confidence))


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise StatisticsInputError(f"confidence must lie between 0 and 1, it is {confidence}")
    return confidence
