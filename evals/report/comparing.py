"""Several runs beside each other. All their answers are counted by a handful of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evals.domain.case_state import CaseState
from evals.domain.statistics import bounds, difference_of
from evals.models import EvalRun
from evals.report.answers import fresh_answers, tallies
from evals.report.cases import Counted, counts_by_case, lines_of
from evals.report.checks import checks_by_run
from evals.report.tables import suite_lines
from evals.report.times import time_lines
from evals.report.usage import judge_prices, usage_of
from evals.report.values import CheckLine, SuiteLine, TimeLine, Usage
from registry.domain.policy import GatePolicy


@dataclass(frozen=True, slots=True)
class Against:
    """A run against the first one, on the cases that both judged, by the mean of their repeats.

    `interval` takes every case for one of its own: which of them stand together only the gate
    looks up.
    """

    cases: int
    worse: int
    better: int
    difference: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """The candidate of one run. `against` is None for the first one, and without a common case.

    `confidence` is what its own gate asked for, and so that of the suites which the gate judged.
    """

    run: EvalRun
    confidence: float
    suites: tuple[SuiteLine, ...]
    checks: tuple[CheckLine, ...]
    times: tuple[TimeLine, ...]
    usage: Usage
    against: Against | None


@dataclass(frozen=True, slots=True)
class ComparedCase:
    """One case, and its state in each run, in the order of the runs."""

    suite: str
    case: str
    states: tuple[CaseState, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs that asked it disagree."""
        return len({state for state in self.states if state != CaseState.NOT_ASKED}) > 1


@dataclass(frozen=True, slots=True)
class Compared:
    """The runs in their order, and every case; `confidence` is that of the first run, and of all
    intervals but the suites' that a gate judged.
    """

    confidence: float
    runs: tuple[ComparedRun, ...]
    cases: tuple[ComparedCase, ...]


def compared(runs: Sequence[EvalRun]) -> Compared:
    """Lay the candidates of these runs beside each other; the first is what others are against."""
    confidences = [GatePolicy.from_json(run.policy_spec).confidence for run in runs]
    confidence = confidences[0]
    counted = counts_by_case(runs)
    of_runs = [counted.get(run.pk, {}) for run in runs]
    checks = checks_by_run(runs, confidence)
    answers, sums = fresh_answers(runs), tallies(runs)
    prices = judge_prices(sums.values())
    found = []
    for place, run in enumerate(runs):
        own, asked = sums.get(run.pk, {}), answers[run.pk]
        times, _ = time_lines({"candidate": asked["candidate"]}, own, confidence)
        found.append(
            ComparedRun(
                run=run,
                confidence=confidences[place],
                suites=suite_lines(run, lines_of(run, of_runs[place]), confidence),
                checks=checks.get(run.pk, ()),
                times=times,
                usage=usage_of(run, asked, own, prices),
                against=_against(of_runs[0], of_runs[place], confidence) if place else None,
            )
        )
    return Compared(confidence, tuple(found), _cases(of_runs))


def _against(first: Counted, own: Counted, confidence: float) -> Against | None:
    gaps = []
    for place in first.keys() & own.keys():
        then, now = first[place].pass_rate, own[place].pass_rate
        if then is not None and now is not None:
            gaps.append(now - then)
    if not gaps:
        return None
    seen = difference_of(gaps, [str(number) for number in range(len(gaps))])
    interval = bounds(seen, confidence)
    return Against(
        cases=len(gaps),
        worse=sum(gap < 0 for gap in gaps),
        better=sum(gap > 0 for gap in gaps),
        difference=seen.value,
        interval=(interval.low, interval.high),
    )


def _cases(of_runs: Sequence[Counted]) -> tuple[ComparedCase, ...]:
    """By suite and case, those that differ first."""
    places = sorted(set().union(*of_runs))
    found = [
        ComparedCase(
            suite,
            case,
            tuple(
                counted[suite, case].state if (suite, case) in counted else CaseState.NOT_ASKED
                for counted in of_runs
            ),
        )
        for suite, case in places
    ]
    return tuple(sorted(found, key=lambda row: not row.differs))
