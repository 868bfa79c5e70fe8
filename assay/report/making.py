"""From what the server says of a run to the report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from assay.answers import CaseAnswer, EvalRun
from assay.answers.latency import Percentile
from assay.answers.reports import CHANGES, Cost, RunCase, RunReport, RunTime, SuiteRate, Usage
from assay.report.phases import phase_remarks, phase_times
from assay.report.value import PercentileCell, Report, SuiteRow, TimeRow
from evals.domain.harmless import clean, cut

#: Of one answer; `assay runs results --json` has all of it. A run may have 100,000 answers.
_KEPT_CHARACTERS = 4_000
_CONFIDENCE = 0.95


def report_of(run: EvalRun, tables: RunReport, cases: Iterable[RunCase]) -> Report:
    """The report of a run that is over or still goes on; `cases` are those that will be shown."""
    return Report(
        run=run,
        confidence=tables.confidence,
        suites=tuple(_suites(run, tables)),
        checks=tables.checks,
        counts={change: tables.cases[change] for change in CHANGES if tables.cases.get(change)},
        cases=tuple(map(_short, cases)),
        times=(*map(_time, tables.times), *phase_times(run)),
        usage=tables.usage,
        variances=tables.variances,
        remarks=(*tables.remarks, *_unseen(tables), *phase_remarks(run)),
    )


def nothing_yet(run: EvalRun) -> RunReport:
    """The tables of a run that has no answer."""
    return RunReport(
        confidence=_CONFIDENCE,
        suites=tuple(SuiteRate(name, None, 0, 0, None, None) for name in run.suites),
        checks=(),
        cases={},
        times=(),
        usage=Usage(
            prompt_tokens=run.prompt_tokens,
            completion_tokens=run.completion_tokens,
            judge_prompt_tokens=0,
            judge_completion_tokens=0,
            cached_answers=run.cached,
            cost=Cost(0.0, 0.0, 0.0, 0.0),
            planned_cost_usd=None if run.forecast is None else run.forecast.cost_usd,
            prefix_cache=None,
            seconds=None,
        ),
    )


def _suites(run: EvalRun, tables: RunReport) -> Iterator[SuiteRow]:
    judged = {figures.name: figures for figures in run.measured.suites}
    for rate in tables.suites:
        row = SuiteRow(
            rate.name, rate.verdict, rate.cases, rate.passed, rate.pass_rate, rate.interval
        )
        found = judged.get(rate.name)
        if found is not None:
            row = replace(
                row,
                comparison=found.comparison,
                guardrails=found.guardrails,
                corrected=found.corrected,
            )
        yield row


def _time(row: RunTime) -> TimeRow:
    return TimeRow(row.metric, row.arm, row.count, tuple(map(_cell, row.percentiles)))


def _cell(found: Percentile) -> PercentileCell:
    return PercentileCell(found.q, found.value, found.low, found.high)


def _unseen(tables: RunReport) -> Iterator[str]:
    """What must be repeated to see more of the spread, each sentence once."""
    told: dict[str, list[str]] = {}
    for row in tables.variances:
        for sentence in row.missing:
            told.setdefault(sentence, []).append(row.suite)
    for sentence, suites in told.items():
        yield f"spread of {', '.join(dict.fromkeys(suites))}: {sentence}"


def _short(row: RunCase) -> RunCase:
    return replace(row, answers=tuple(map(_short_answer, row.answers)))


def _short_answer(answer: CaseAnswer) -> CaseAnswer:
    before = answer.baseline
    if before is not None:
        before = replace(before, text=cut(clean(before.text), _KEPT_CHARACTERS))
    return replace(answer, text=cut(clean(answer.text), _KEPT_CHARACTERS), baseline=before)
