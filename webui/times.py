"""How long answers took, as curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evals.report.values import TimeLine
from webui.charts import Chart, Curve, distributions

METRICS = {"ttft_ms": "First token", "total_ms": "Whole answer"}


@dataclass(frozen=True, slots=True)
class TimePlot:
    """The distributions of one metric."""

    name: str
    chart: Chart


def time_plots(lines: Iterable[tuple[str, str, TimeLine]]) -> list[TimePlot]:
    """A plot for each metric of (label, colour class, line); none for what nobody measured."""
    listed = list(lines)
    found = []
    for metric, name in METRICS.items():
        curves = [Curve(label, kind, ln.curve) for label, kind, ln in listed if ln.metric == metric]
        if chart := distributions(curves):
            found.append(TimePlot(name, chart))
    return found
