"""Figures as people read them."""

from __future__ import annotations

import math


def rate_text(rate: float | None) -> str:
    """0.95 as `95.0 %`; a dash for none."""
    return "-" if rate is None else f"{rate:.1%}".replace("%", " %")


def interval_text(interval: tuple[float, float] | None) -> str:
    """`86.3–98.3 %`; a dash for none."""
    return "-" if interval is None else f"{interval[0] * 100:.1f}–{rate_text(interval[1])}"


def points_text(difference: float) -> str:
    """-0.1 as `-10.0 points`."""
    return f"{difference * 100:+.1f} points"


def spread_text(variance: float | None, share: float) -> str:
    """A variance as `±0.31, 80 %`: standard deviation, share of the variance of the mean; a dash
    for none.
    """
    return "-" if variance is None else f"±{math.sqrt(variance):.2f}, {share * 100:.0f} %"


def percentile_text(value: float, low: float | None, high: float | None) -> str:
    """`120 (95–310)`, with a question mark for a bound that is not known."""
    if low is None and high is None:
        return _short(value)
    return f"{_short(value)} ({_short(low)}–{_short(high)})"


def _short(value: float | None) -> str:
    """One decimal below 100, none above."""
    if value is None:
        return "?"
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def seconds_text(seconds: float | None) -> str:
    """`75 s`, `12 min`; a dash for none."""
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:,.0f} min"


def short_seconds_text(seconds: float) -> str:
    """`0.042 s`, `7.5 s`, `75 s`, `12 min`."""
    return f"{seconds:.2g} s" if seconds < 10 else seconds_text(seconds)


def dollars_text(cost: float | None) -> str:
    """`$0.0012`, `$3.40`; a dash for none."""
    if cost is None:
        return "-"
    return f"${cost:,.2f}" if cost >= 1 or cost == 0 else f"${cost:.4f}"
