"""From a run and its answers to the report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from assay.answers import CaseAnswer, EvalRun
from assay.report.cases import case_rows
from assay.report.checks import check_rows
from assay.report.phases import phase_remarks, phase_times
from assay.report.suites import suite_rows
from assay.report.texts import clean, cut
from assay.report.times import run_times
from assay.report.value import Report, Usage

#: Of one answer; `assay runs results --json` has all of it. A run may have 100,000 answers.
_KEPT_CHARACTERS = 4_000
_CONFIDENCE = 0.95


def report_of(run: EvalRun, answers: Iterable[CaseAnswer]) -> Report:
    """The report of a run that is over or still goes on, from the answers that are in."""
    kept = sorted(map(_short, answers), key=lambda a: (a.suite, a.case, a.repeat))
    confidence = _confidence(run)
    cases = case_rows(kept, is_self_comparison=run.is_self_comparison)
    times, remarks = run_times(kept, confidence)
    return Report(
        run=run,
        confidence=confidence,
        suites=suite_rows(run, cases, confidence),
        checks=check_rows(kept, confidence),
        cases=cases,
        times=(*times, *phase_times(run)),
        usage=_usage(run, kept),
        remarks=(*remarks, *phase_remarks(run)),
    )


def _confidence(run: EvalRun) -> float:
    """What the policy asks for, where the gate said so."""
    compared = (s.comparison for s in run.measured.suites if s.comparison is not None)
    return next((comparison.confidence for comparison in compared), _CONFIDENCE)


def _short(answer: CaseAnswer) -> CaseAnswer:
    before = answer.baseline
    if before is not None:
        before = replace(before, text=cut(clean(before.text), _KEPT_CHARACTERS))
    return replace(answer, text=cut(clean(answer.text), _KEPT_CHARACTERS), baseline=before)


def _usage(run: EvalRun, answers: Sequence[CaseAnswer]) -> Usage:
    return Usage(
        prompt_tokens=run.prompt_tokens,
        completion_tokens=run.completion_tokens,
        planned_cost_usd=None if run.forecast is None else run.forecast.cost_usd,
        cached_answers=run.cached,
        prefix_cache_rate=_prefix_cache_rate(answers),
        seconds=_seconds(run),
    )


def _prefix_cache_rate(answers: Sequence[CaseAnswer]) -> float | None:
    arms = [arm for answer in answers for arm in (answer, answer.baseline) if arm is not None]
    told = [arm for arm in arms if arm.cached_tokens is not None and not arm.from_cache]
    prompt = sum(arm.prompt_tokens or 0 for arm in told)
    return sum(arm.cached_tokens or 0 for arm in told) / prompt if prompt else None


def _seconds(run: EvalRun) -> float | None:
    """From the first call to the verdict; None when one of the two has not come."""
    try:
        started = datetime.fromisoformat(run.started_at or "")
        return max(0.0, (datetime.fromisoformat(run.finished_at or "") - started).total_seconds())
    except (ValueError, TypeError):
        return None
