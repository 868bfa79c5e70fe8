"""How long the answers of the run itself took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Max, Min

from evals.domain.latency import summarise
from evals.models import BaselineResult, CaseResult, EvalRun
from evals.report.values import TimeLine

REPEATED = "times have no intervals: repeats of a case depend on each other"
_METRICS = ("ttft_ms", "total_ms")


def time_lines(run: EvalRun, confidence: float) -> tuple[tuple[TimeLine, ...], tuple[str, ...]]:
    """Percentiles over the answers that were asked for just now, with bounds by order statistics;
    and what a reader must know about them.

    Repeats of one case depend on each other, which would make bounds too narrow: then there are
    none.
    """
    ends = CaseResult.objects.filter(run=run).aggregate(low=Min("repeat"), high=Max("repeat"))
    is_repeated = ends["low"] != ends["high"]
    lines = tuple(_lines(run, None if is_repeated else confidence))
    return lines, (REPEATED,) if lines and is_repeated else ()


def _lines(run: EvalRun, confidence: float | None) -> Iterator[TimeLine]:
    asked = CaseResult.objects.filter(run=run, from_cache=False)
    live = BaselineResult.objects.filter(result__run=run, from_cache=False)
    arms: dict[str, list[tuple[float | None, ...]]] = {
        "candidate": list(asked.order_by().values_list(*_METRICS)),
        "live": list(live.order_by().values_list(*_METRICS)) if run.baseline_id else [],
    }
    for place, metric in enumerate(_METRICS):
        for arm, rows in arms.items():
            found = summarise(metric, _known(row[place] for row in rows), confidence)
            if found.count:
                yield TimeLine(metric, arm, found.count, found.percentiles)


def _known(values: Iterable[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None)
