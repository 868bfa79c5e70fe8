"""What became of each case, beside the live version where that was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import fmean

from assay.answers import CaseAnswer
from assay.report.value import CaseRow, Change

#: Outcomes that are a measurement.
_SCORED = {"pass": 1.0, "fail": 0.0}


def case_rows(answers: Sequence[CaseAnswer], *, is_self_comparison: bool) -> tuple[CaseRow, ...]:
    """One row a case; `answers` must be sorted by suite and case.

    Where a version was compared with itself a difference is chance, so the case is flaky.
    """
    grouped = groupby(answers, key=lambda answer: (answer.suite, answer.case))
    return tuple(
        _row(suite, case, tuple(found), is_self_comparison) for (suite, case), found in grouped
    )


def _row(
    suite: str, case: str, answers: tuple[CaseAnswer, ...], is_self_comparison: bool
) -> CaseRow:
    after = [answer.outcome for answer in answers]
    before = [answer.baseline.outcome for answer in answers if answer.baseline is not None]
    return CaseRow(
        suite=suite,
        case=case,
        change=_change(after, before, is_self_comparison),
        pass_rate=_rate(after),
        baseline_rate=_rate(before),
        answers=answers,
    )


def _change(after: Sequence[str], before: Sequence[str], is_self_comparison: bool) -> Change:
    if "error" in (*after, *before):
        return "error"
    now, then = _rate(after), _rate(before)
    if now is not None and then is not None and now != then and not is_self_comparison:
        return "regressed" if now < then else "fixed"
    if (now != then and then is not None) or _differs(after) or _differs(before):
        return "flaky"
    return "passing" if now == 1.0 else "failing"


def _differs(outcomes: Iterable[str]) -> bool:
    return len({outcome for outcome in outcomes if outcome in _SCORED}) > 1


def _rate(outcomes: Iterable[str]) -> float | None:
    scored = [_SCORED[outcome] for outcome in outcomes if outcome in _SCORED]
    return fmean(scored) if scored else None
