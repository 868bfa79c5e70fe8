"""Figures as people read them: percentages and counts."""

from __future__ import annotations

from evals.domain.statistics import Interval


def _digits(value: float, against: float | None) -> int:
    """Decimals needed so that `value` does not look equal to `against` when it is not."""
    digits = 1
    if against is None or value == against:
        return digits
    while digits < 6 and f"{value * 100:.{digits}f}" == f"{against * 100:.{digits}f}":
        digits += 1
    return digits


def percent(value: float, against: float | None = None) -> str:
    """0.95 as `95.0 %`; with more decimals where rounding would make it look like `against`."""
    return f"{value * 100:.{_digits(value, against)}f} %"


def points(value: float, against: float | None = None) -> str:
    """-0.1 as `-10.0 points`: a difference between two percentages."""
    return f"{value * 100:+.{_digits(value, against)}f} points"


def change_text(value: float, against: float | None = None) -> str:
    """0.2 as `+20.0 %`: how much more, relative to what was before."""
    return f"{value * 100:+.{_digits(value, against)}f} %"


def interval_text(interval: Interval, against: float | None = None) -> str:
    """`86.3–98.3 %`, each bound distinguishable from `against`."""
    low = f"{interval.low * 100:.{_digits(interval.low, against)}f}"
    return f"{low}–{percent(interval.high, against)}"


def plural(count: int, noun: str) -> str:
    """`1 case`, `1,200 cases`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
