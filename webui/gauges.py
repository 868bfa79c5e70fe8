"""How busy a model's server was, look by look: five small pictures, and the figures behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from serving.load import EngineLoad
from webui.charts import Chart, sparkline

_Looks = Sequence[tuple[datetime, EngineLoad | None]]
#: (what it is, its unit); `kv_use` and `prefix_hits` are in percent.
_NAMES = {
    "kv_use": ("KV cache in use", " %"),
    "running": ("Requests running", ""),
    "waiting": ("Requests waiting", ""),
    "ttft_ms": ("Mean time to the first token", " ms"),
    "prefix_hits": ("Prompt tokens found in the prefix cache", " %"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One look in figures. `ttft_ms` and `prefix_hits` are of what happened since the look before;
    None: nothing did, the server was started anew, or does not say.
    """

    at: datetime
    kv_use: float | None = None
    running: float | None = None
    waiting: float | None = None
    ttft_ms: float | None = None
    prefix_hits: float | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """One series: its picture, its ends, and its newest value."""

    name: str
    unit: str
    chart: Chart
    low: float
    high: float
    newest: float | None


def readings(looks: _Looks) -> list[Reading]:
    """The looks (oldest first) in figures, the newest first."""
    if not looks:
        return []
    first_at, first = looks[0]
    found = [_reading(first_at, None, first)]
    found += [_reading(at, before, load) for (_, before), (at, load) in pairwise(looks)]
    return found[::-1]


def gauges(figures: Sequence[Reading]) -> list[Gauge]:
    """A picture of each series of which there is a figure. `figures`: the newest first."""
    found = []
    for key, (name, unit) in _NAMES.items():
        points = [(one.at.timestamp(), getattr(one, key)) for one in reversed(figures)]
        values = [value for _, value in points if value is not None]
        if chart := sparkline(points):
            found.append(Gauge(name, unit, chart, min(values), max(values), points[-1][1]))
    return found


def _reading(at: datetime, before: EngineLoad | None, load: EngineLoad | None) -> Reading:
    if load is None:
        return Reading(at)
    then = before or EngineLoad()
    ttft = _rate(then.ttft_seconds, load.ttft_seconds, then.ttft_count, load.ttft_count)
    hits = _rate(then.prefix_hits, load.prefix_hits, then.prefix_queries, load.prefix_queries)
    return Reading(
        at=at,
        kv_use=None if load.kv_use is None else 100 * load.kv_use,
        running=load.running,
        waiting=load.waiting,
        ttft_ms=None if ttft is None else 1000 * ttft,
        prefix_hits=None if hits is None else 100 * hits,
    )


def _rate(
    part_then: float | None,
    part_now: float | None,
    whole_then: float | None,
    whole_now: float | None,
) -> float | None:
    """What one counter grew by for each that the other did; None when that cannot be told."""
    if part_then is None or part_now is None or whole_then is None or whole_now is None:
        return None
    part, whole = part_now - part_then, whole_now - whole_then
    # A counter that went back: another process answers there now.
    return part / whole if whole > 0 and part >= 0 else None
