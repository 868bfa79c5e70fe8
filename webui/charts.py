"""The figures that charts are drawn from, each beside a table that says the same.

Here are values only: `charts.js` has uPlot draw them, in the colours of the stylesheet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chart:
    """What a figure element carries: `kind` says how `data`, which is JSON, is drawn."""

    kind: str
    data: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval; `kind` is its colour. `beside`: what it is compared with."""

    label: str
    kind: str
    value: float
    low: float
    high: float
    beside: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A distribution as (value, share of the values that are no larger), both rising."""

    label: str
    kind: str
    points: Sequence[tuple[float, float]]


def shares(bars: Sequence[Bar], lines: Sequence[tuple[float, str]] = ()) -> Chart | None:
    """Shares (0 to 1) with their intervals; None without any. `lines` are shares with a name."""
    if not bars:
        return None
    least = min([bar.low for bar in bars] + [share for share, _ in lines])
    return _intervals(bars, lines, max(0.0, min(0.9, int(least * 10) / 10 - 0.1)), 1.0)


#: Where an axis of differences may end: it and its half are numbers that people say.
_REACHES = (0.06, 0.1, 0.2, 0.4, 0.6, 0.8)


def differences(bars: Sequence[Bar], lines: Sequence[tuple[float, str]] = ()) -> Chart | None:
    """Differences of shares around 0, which is a line of its own; None without any."""
    if not bars:
        return None
    ends = [abs(end) for bar in bars for end in (bar.low, bar.high)]
    least = max([*ends, *(abs(share) for share, _ in lines)]) * 1.1
    reach = next((end for end in _REACHES if end >= least), 1.0)
    return _intervals(bars, [(0.0, "no change"), *lines], -reach, reach)


def distributions(curves: Sequence[Curve]) -> Chart | None:
    """Distributions over one scale of values; None without any."""
    drawn = [curve for curve in curves if curve.points]
    return _chart("curves", curves=[asdict(curve) for curve in drawn]) if drawn else None


def sparkline(points: Sequence[tuple[float, float | None]]) -> Chart | None:
    """Values (none below 0) over time, in seconds since 1970; None without a value. A value that
    is None is a gap.
    """
    if all(value is None for _, value in points):
        return None
    return _chart("spark", points=points)


def _intervals(
    bars: Sequence[Bar], lines: Sequence[tuple[float, str]], start: float, end: float
) -> Chart:
    return _chart("intervals", bars=[asdict(bar) for bar in bars], lines=lines, range=(start, end))


def _chart(kind: str, **data: Any) -> Chart:
    return Chart(kind, json.dumps(_rounded(data), ensure_ascii=False, separators=(",", ":")))


def _rounded(data: Any) -> Any:
    """No picture shows more than six digits, and each is a byte of the page."""
    if isinstance(data, float):
        return float(f"{data:.6g}") if abs(data) < 1e6 else round(data)
    if isinstance(data, dict):
        return {key: _rounded(value) for key, value in data.items()}
    return [_rounded(one) for one in data] if isinstance(data, list | tuple) else data
