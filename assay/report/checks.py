"""How often each check passed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from assay.answers import BaselineAnswer, CaseAnswer, CheckSaid
from assay.report.value import CheckRow

#: Suite, name and type of a check; and what it said, case by case.
_Key = tuple[str, str, str]
_ByCase = dict[str, list[CheckSaid]]
_Arm = Callable[[CaseAnswer], CaseAnswer | BaselineAnswer | None]


def check_rows(answers: Sequence[CaseAnswer], confidence: float) -> tuple[CheckRow, ...]:
    """One row for each check of each suite, in the order in which answers name them."""
    found = _said(answers, lambda answer: answer)
    live = _said(answers, lambda answer: answer.baseline)
    return tuple(_row(key, said, live.get(key), confidence) for key, said in found.items())


def _said(answers: Iterable[CaseAnswer], arm: _Arm) -> dict[_Key, _ByCase]:
    found: dict[_Key, _ByCase] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        asked = arm(answer)
        for check in () if asked is None else asked.checks:
            found[answer.suite, check.name, check.type][answer.case].append(check)
    return found


def _row(key: _Key, said: _ByCase, live: _ByCase | None, confidence: float) -> CheckRow:
    from evals.domain.statistics import wilson

    rates = [_rate(checks) for checks in said.values()]
    every = [check for checks in said.values() for check in checks]
    scores = [check.score for check in every if check.score is not None]
    interval = wilson(min(sum(rates), len(rates)), len(rates), confidence)
    suite, name, kind = key
    return CheckRow(
        suite=suite,
        name=name,
        type=kind,
        critical=any(check.critical for check in every),
        decides=any(check.weight > 0 or check.critical for check in every),
        cases=len(rates),
        pass_rate=fmean(rates),
        interval=(interval.low, interval.high),
        baseline_rate=None if not live else fmean(_rate(checks) for checks in live.values()),
        score=fmean(scores) if scores else None,
    )


def _rate(checks: Sequence[CheckSaid]) -> float:
    return fmean(check.passed for check in checks)
