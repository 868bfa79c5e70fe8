"""A report for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from assay.answers.reports import NEWS, RunCase
from assay.output import one_line, table_lines
from assay.report.grids import facts, grids
from assay.report.headline import headline
from assay.report.texts import rate_text
from assay.report.value import Report
from evals.domain.harmless import cut_line

#: Changed cases that are shown; the rest is counted.
MOST_CASES = 20
_TEXT_CHARACTERS = 48
_COLUMNS = ("what", "suite", "case", "rate", "live", "history", "answer", "live answer")


def table(report: Report, *, on_terminal: bool) -> str:
    """The report as text; harmless to print. Not `on_terminal`: plain, and lines are not folded."""
    return "\n".join(_lines(report, on_terminal)) + "\n"


def _lines(report: Report, on_terminal: bool) -> Iterator[str]:
    yield headline(report.run)
    for reason in report.run.reasons:
        yield f"  - {one_line(reason)}"
    for name, value in facts(report):
        yield f"  {name}: {one_line(value)}"
    for grid in grids(report):
        yield ""
        yield f"{grid.title}:"
        yield from table_lines(grid.columns, grid.rows, on_terminal=on_terminal)
    for remark in report.remarks:
        yield f"  {one_line(remark)}"
    yield from _cases(report, on_terminal)


def _cases(report: Report, on_terminal: bool) -> Iterator[str]:
    if not report.counts:
        return
    yield ""
    yield "cases: " + ", ".join(f"{count:,} {change}" for change, count in report.counts.items())
    shown = report.of(*NEWS, "failing")
    if shown:
        rows = map(_row, shown[:MOST_CASES])
        yield from table_lines(_COLUMNS, rows, on_terminal=on_terminal)
    left = report.count(*NEWS, "failing") - len(shown[:MOST_CASES])
    if left > 0:
        rest = f"and {left:,} more"
        yield f"{rest}: assay runs results {one_line(report.run.run)} --failed"


def _row(row: RunCase) -> tuple[object, ...]:
    answer = row.telling
    live = answer.baseline
    return (
        *(row.change, row.suite, row.case),
        *(rate_text(row.pass_rate), rate_text(row.baseline_rate), row.history),
        cut_line(answer.error or answer.text, _TEXT_CHARACTERS),
        None if live is None else cut_line(live.error or live.text, _TEXT_CHARACTERS),
    )
