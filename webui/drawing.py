"""Intervals as SVG, drawn on the server: readable without a script, and by whoever prints a page.

Colours come from the stylesheet. Every drawing stands beside a table with the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def differences(bars: Sequence[Bar], lines: Sequence[tuple[float, str]] = ()) -> Drawing | None:
    """Draw differences of shares around 0, which is a line of its own; None without any."""
    if not bars:
        return None
    ends = [abs(end) for bar in bars for end in (bar.low, bar.high)]
    reach = min(1.0, max([0.05, *ends, *(abs(share) for share, _ in lines)]) * 1.1)
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
