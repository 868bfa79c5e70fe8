"""How each suite went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from assay.answers import EvalRun, SuiteFigures
from assay.report.value import CaseRow, SuiteRow


def suite_rows(run: EvalRun, cases: Sequence[CaseRow], confidence: float) -> tuple[SuiteRow, ...]:
    """The gate's own figures where it gave some, else those of the answers so far.

    `cases` must be sorted by suite.
    """
    counted = {name: list(rows) for name, rows in groupby(cases, key=lambda row: row.suite)}
    judged = {figures.name: figures for figures in run.measured.suites}
    names = dict.fromkeys((*run.suites, *judged, *counted))
    return tuple(_row(name, judged.get(name), counted.get(name, []), confidence) for name in names)


def _row(
    name: str, judged: SuiteFigures | None, cases: Sequence[CaseRow], confidence: float
) -> SuiteRow:
    if judged is None:
        return _so_far(name, cases, confidence)
    return SuiteRow(
        name=name,
        verdict=judged.verdict,
        cases=judged.cases,
        passed=judged.passed,
        pass_rate=judged.pass_rate,
        interval=judged.interval,
        comparison=judged.comparison,
        guardrails=judged.guardrails,
    )


def _so_far(name: str, cases: Sequence[CaseRow], confidence: float) -> SuiteRow:
    from evals.domain.statistics import wilson

    rates = [row.pass_rate for row in cases if row.pass_rate is not None]
    rate, interval = None, None
    if rates:
        bounds = wilson(min(sum(rates), len(rates)), len(rates), confidence)
        rate, interval = sum(rates) / len(rates), (bounds.low, bounds.high)
    passed = sum(row.pass_rate == 1.0 for row in cases)
    return SuiteRow(name, None, len(cases), passed, rate, interval)
