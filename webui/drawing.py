"""Pictures as SVG, drawn on the server: readable without a script, and by whoever prints a page.

Colours come from the stylesheet. Every drawing stands beside a table with the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, _ROW, _TOP, _LEFT, _RIGHT = 640, 34, 22, 20, 20


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval; `kind` is its colour class."""

    label: str
    kind: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PlacedBar:
    """A bar in pixels."""

    bar: Bar
    y: float
    x: float
    x_low: float
    x_high: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the template needs: bars, the scale's marks, and lines with a name (a floor)."""

    width: int
    height: float
    bars: tuple[PlacedBar, ...]
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[tuple[float, str], ...]
    bottom: float


def shares(bars: Sequence[Bar], lines: Sequence[tuple[float, str]] = ()) -> Drawing | None:
    """Draw shares (0 to 1) with their intervals; None without any. `lines` are shares too."""
    if not bars:
        return None
    least = min([bar.low for bar in bars] + [share for share, _ in lines])
    return _draw(bars, lines, max(0.0, min(0.9, int(least * 10) / 10 - 0.1)), 1.0)


#: Where an axis of differences may end: it and its half are numbers that people say.
_REACHES = (0.06, 0.1, 0.2, 0.4, 0.6, 0.8)


def differences(bars: Sequence[Bar], lines: Sequence[tuple[float, str]] = ()) -> Drawing | None:
    """Draw differences of shares around 0, which is a line of its own; None without any."""
    if not bars:
        return None
    ends = [abs(end) for bar in bars for end in (bar.low, bar.high)]
    least = max([*ends, *(abs(share) for share, _ in lines)]) * 1.1
    reach = next((end for end in _REACHES if end >= least), 1.0)
    return _draw(bars, [(0.0, "no change"), *lines], -reach, reach)


def _draw(
    bars: Sequence[Bar], lines: Sequence[tuple[float, str]], start: float, end: float
) -> Drawing:
    def x_of(share: float) -> float:
        held = min(end, max(start, share))
        return round(_LEFT + (held - start) / (end - start) * (WIDTH - _LEFT - _RIGHT), 1)

    placed = tuple(
        PlacedBar(bar, _TOP + _ROW * (row + 0.7), x_of(bar.value), x_of(bar.low), x_of(bar.high))
        for row, bar in enumerate(bars)
    )
    bottom = _TOP + _ROW * len(bars)
    steps = [start + (end - start) * step / 4 for step in range(5)]
    ticks = tuple((x_of(share), f"{100 * share:.0f} %") for share in steps)
    named = tuple((x_of(share), name) for share, name in lines)
    return Drawing(WIDTH, bottom + 24, placed, ticks, named, bottom)


#: Of a plot of curves, in pixels: its height, and where the curves are.
_PLOT_HEIGHT, _PLOT_TOP, _PLOT_BOTTOM, _PLOT_LEFT, _PLOT_RIGHT = 240, 16, 208, 48, 28
#: Ends that are that many times apart are drawn by their logarithms.
_WIDE, _FAR = 5, 1000
_NICE = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Curve:
    """A distribution as (value, share of the values that are no larger), both rising."""

    label: str
    kind: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template needs: each curve with its path, and the marks of both scales."""

    width: int
    height: int
    top: int
    bottom: int
    left: int
    right: int
    curves: tuple[tuple[Curve, str], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def distributions(curves: Sequence[Curve]) -> Plot | None:
    """Draw distributions over one scale of values, as steps from 0 to 100 %; None without any."""
    drawn = [curve for curve in curves if curve.points]
    if not drawn:
        return None
    marks = _marks(min(c.points[0][0] for c in drawn), max(c.points[-1][0] for c in drawn))
    start, end = marks[0], marks[-1]
    scale = math.log if _is_wide(start, end) else float
    right = WIDTH - _PLOT_RIGHT

    def x_of(value: float) -> float:
        held = min(end, max(start, value))
        reach = (scale(held) - scale(start)) / (scale(end) - scale(start))
        return round(_PLOT_LEFT + reach * (right - _PLOT_LEFT), 1)

    def y_of(share: float) -> float:
        return round(_PLOT_BOTTOM - share * (_PLOT_BOTTOM - _PLOT_TOP), 1)

    def path(curve: Curve) -> str:
        steps = (f"H{x_of(value)}V{y_of(share)}" for value, share in curve.points)
        return f"M{_PLOT_LEFT} {_PLOT_BOTTOM}{''.join(steps)}H{right}"

    return Plot(
        width=WIDTH,
        height=_PLOT_HEIGHT,
        top=_PLOT_TOP,
        bottom=_PLOT_BOTTOM,
        left=_PLOT_LEFT,
        right=right,
        curves=tuple((curve, path(curve)) for curve in drawn),
        x_ticks=tuple((x_of(mark), f"{mark:,g}") for mark in marks),
        y_ticks=tuple((y_of(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)),
    )


def _is_wide(start: float, end: float) -> bool:
    return start > 0 and end / start >= _WIDE


def _marks(low: float, high: float) -> list[float]:
    """Round numbers from one at most `low` to one at least `high`."""
    low = max(low, high / 10_000, 0.01)
    high = max(high, low * 1.01)
    if _is_wide(low, high):
        return _round_numbers(low, high)
    step = next(n for n in _steps((high - low) / 5))
    first = math.floor(low / step)
    count = math.ceil(high / step) - first
    return [round((first + at) * step, 6) for at in range(count + 1)]


def _round_numbers(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, … around the values; powers of ten alone where they are far apart."""
    # One power more at both ends: logarithms of numbers beside a power of ten are rounded to it.
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    numbers = _NICE if high / low <= _FAR else _NICE[:1]
    found = [number * 10.0**power for power in powers for number in numbers]
    start, end = max(n for n in found if n <= low), min(n for n in found if n >= high)
    return [number for number in found if start <= number <= end]


def _steps(least: float) -> Iterator[float]:
    power = math.floor(math.log10(least))
    yield from (n * 10.0**e for e in (power, power + 1) for n in _NICE if n * 10.0**e >= least)


_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_EDGE = 240, 48, 4


@dataclass(frozen=True, slots=True)
class Spark:
    """A small curve without scales: its path, its last point, and what its ends stand for."""

    width: int
    height: int
    path: str
    last: tuple[float, float]
    low: float
    high: float


def sparkline(points: Sequence[tuple[float, float | None]]) -> Spark | None:
    """Draw values (none below 0) over time from 0 to the highest; None without a value. A value
    that is None is a gap.
    """
    values = [value for _, value in points if value is not None]
    if not values:
        return None
    start, end, high = points[0][0], points[-1][0], max(values)
    reach, height = _SPARK_WIDTH - 2 * _SPARK_EDGE, _SPARK_HEIGHT - 2 * _SPARK_EDGE
    parts, is_gap, last = [], True, (0.0, 0.0)
    for at, value in points:
        if value is None:
            is_gap = True
            continue
        x = _SPARK_EDGE + reach * (at - start) / (end - start or 1.0)
        y = _SPARK_HEIGHT - _SPARK_EDGE - height * value / (high or 1.0)
        last = (round(x, 1), round(y, 1))
        # A lone point between gaps is a line of no length, which round caps make a dot.
        parts.append(f"{'M' if is_gap else 'L'}{last[0]} {last[1]}{'h0' if is_gap else ''}")
        is_gap = False
    return Spark(_SPARK_WIDTH, _SPARK_HEIGHT, "".join(parts), last, min(values), high)
