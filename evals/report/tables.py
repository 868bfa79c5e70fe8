"""All tables of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from evals.domain.case_change import Change
from evals.domain.statistics import wilson
from evals.models import EvalRun, Suite
from evals.report.answers import fresh_answers, tallies
from evals.report.cases import case_lines
from evals.report.checks import check_lines
from evals.report.times import time_lines
from evals.report.usage import judge_prices, usage_of
from evals.report.values import CaseLine, RunReport, SuiteLine, VarianceLine
from evals.report.variances import variance_lines
from registry.domain.policy import GatePolicy


def report_of(
    run: EvalRun, cases: Sequence[CaseLine] | None = None, *, with_variances: bool = True
) -> RunReport:
    """The report of a run that is over or still goes on, from the answers that are in.

    `cases` are all of `case_lines`, for who has them. Variances read every score once more; without
    them there are none.
    """
    confidence = GatePolicy.from_json(run.policy_spec).confidence
    if cases is None:
        cases = case_lines(run)
    answers, sums = fresh_answers([run])[run.pk], tallies([run]).get(run.pk, {})
    times, remarks = time_lines(answers, sums, confidence)
    return RunReport(
        confidence=confidence,
        suites=suite_lines(run, cases, confidence),
        checks=check_lines(run, confidence),
        cases=_counts(cases),
        times=times,
        usage=usage_of(run, answers, sums, judge_prices([sums])),
        variances=_variances(run) if with_variances else (),
        remarks=remarks,
    )


def _variances(run: EvalRun) -> tuple[VarianceLine, ...]:
    return variance_lines(run, list(Suite.objects.filter(runs=run).order_by("name")))


def _counts(cases: Sequence[CaseLine]) -> dict[str, int]:
    """Without the changes that happened to none."""
    found = Counter(line.change for line in cases)
    return {change.value: found[change] for change in Change if found[change]}


def suite_lines(
    run: EvalRun, cases: Sequence[CaseLine], confidence: float
) -> tuple[SuiteLine, ...]:
    """The gate's own figures where it gave some, else those of the answers so far."""
    by_name = sorted(cases, key=lambda line: line.place.suite)
    counted = {name: list(rows) for name, rows in groupby(by_name, lambda row: row.place.suite)}
    judged = {suite["name"]: suite for suite in run.summary.get("suites", ())}
    names = sorted({*counted, *judged, *(suite.name for suite in run.suites.all())})
    return tuple(
        _decided(name, judged[name])
        if name in judged
        else _so_far(name, counted.get(name, []), confidence)
        for name in names
    )


def _decided(name: str, judged: Mapping[str, Any]) -> SuiteLine:
    low_high = judged["interval"]
    return SuiteLine(
        name=name,
        verdict=judged["verdict"],
        cases=judged["cases"],
        passed=judged["passed"],
        pass_rate=judged["pass_rate"],
        interval=(low_high[0], low_high[1]) if low_high else None,
    )


def _so_far(name: str, cases: Sequence[CaseLine], confidence: float) -> SuiteLine:
    found = [line.counts.pass_rate for line in cases]
    rates = [rate for rate in found if rate is not None]
    rate, interval = None, None
    if rates:
        bounds = wilson(min(sum(rates), len(rates)), len(rates), confidence)
        rate, interval = sum(rates) / len(rates), (bounds.low, bounds.high)
    passed = sum(rate == 1 for rate in found)
    return SuiteLine(name, None, len(cases), passed, rate, interval)
