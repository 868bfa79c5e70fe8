"""Means with their 95 % interval, for figures that people look at; the gate has its own."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

#: The normal distribution's 97.5th percentile.
_Z = 1.959964


class Interval(NamedTuple):
    """Where the mean is, 95 times of 100."""

    low: float
    high: float


def share(mean: float, count: int) -> Interval:
    """Of a share of `count` yes and no (Wilson 1927)."""
    spread = _Z * sqrt(mean * (1 - mean) / count + _Z**2 / (4 * count**2))
    middle, scale = mean + _Z**2 / (2 * count), 1 + _Z**2 / count
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def mean(value: float, deviation: float, count: int) -> Interval | None:
    """Of a mean with the sample's standard `deviation`, by the normal approximation. None: one
    value says nothing about others.
    """
    if count < 2:
        return None
    half = _Z * deviation / sqrt(count)
    return Interval(value - half, value + half)
