"""What the judges of a run said in all: as they said it, and corrected by what is known of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from evals import trials
from evals.domain.checks.pairwise import FlipRate, flip_rate
from evals.domain.gate import JudgeRecord
from evals.domain.judge.calibration import (
    Calibration,
    Corrected,
    NotCorrectableError,
    corrected_mean,
    corrected_rate,
    is_trusted,
)
from evals.domain.judge.spec import JudgeSpec
from evals.domain.spec import SuiteSpec
from evals.domain.statistics import Interval, wilson
from evals.models import CaseResult, EvalRun
from evals.verdict import SuiteResults
from registry.domain.policy import JudgeFloor

_JUDGED = ("judge", "pairwise")
_BATCH = 500


@dataclass(slots=True)
class _Said:
    """What one judge said about the candidate's answers, case by case."""

    passed: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    #: The same before `not` turned it round.
    ruled: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    flips: int = 0
    pairs: int = 0

    def add(self, case: str, check: Mapping[str, Any], *, is_turned: bool) -> None:
        self.passed[case].append(check["passed"])
        self.ruled[case].append(check["passed"] != is_turned)
        self.scores[case].append(check["score"])
        if check["type"] == "pairwise":
            found = flip_rate([check["detail"]])
            self.flips += found.flips
            self.pairs += found.pairs


#: What the judges of a run said, by suite and judge.
Heard = Mapping[str, Mapping[str, _Said]]


def heard(run: EvalRun, found: Sequence[SuiteResults]) -> Heard:
    """What the judges said about the candidate's answers, in one reading."""
    return {part.suite.name: _said(run, part.suite) for part in found if part.suite.judges}


def with_records(
    run: EvalRun, found: Sequence[SuiteResults], said: Heard
) -> tuple[SuiteResults, ...]:
    """The results with what is known of the errors of their judges, for the gate."""
    return tuple(
        replace(part, judges=dict(_records(run, part.suite, said.get(part.suite.name, {}))))
        for part in found
    )


def _records(
    run: EvalRun, suite: SuiteSpec, said: Mapping[str, _Said]
) -> Iterator[tuple[str, JudgeRecord]]:
    for name, judge in suite.judges.items():
        calibration = trials.calibration_of(judge, before=run.created_at)
        if f"{suite.name}/{name}" not in run.advisory and calibration is not None:
            passed = said.get(name, _Said()).ruled
            yield (
                name,
                JudgeRecord(
                    name,
                    calibration.hits(passes=True),
                    calibration.hits(passes=False),
                    {case: fmean(verdicts) for case, verdicts in passed.items()},
                ),
            )


def figures(
    run: EvalRun, found: Sequence[SuiteResults], said: Heard, floor: JudgeFloor
) -> dict[str, dict[str, Any]]:
    """`suite/judge` -> how far it is trusted, and its figures over the candidate's answers.

    `raw` and `corrected` are pass rates as {value, interval}; `mean` has the same of the mean score
    where the rubric is a scale; `flips` counts what a pairwise judge decided by position. What
    cannot be said is None. They are about the judge's own verdicts: what the gate counts is the
    `corrected` of the suite.
    """
    shown = {}
    for part in found:
        for name, judge in part.suite.judges.items():
            called = f"{part.suite.name}/{name}"
            calibration = trials.calibration_of(judge, before=run.created_at)
            trust = _trust(run, called, judge, calibration, floor)
            heard_of = said.get(part.suite.name, {}).get(name, _Said())
            shown[called] = trust | _figures(judge, calibration, heard_of)
    return shown


def _trust(
    run: EvalRun, called: str, judge: JudgeSpec, calibration: Calibration | None, floor: JudgeFloor
) -> dict[str, Any]:
    """As it stood when the run began: a measurement made meanwhile changes nothing."""
    if called in run.advisory:
        return {"trusted": False, "sentence": run.advisory[called]}
    told = is_trusted(judge, calibration, floor)
    return {"trusted": told.is_trusted, "sentence": told.sentence}


def _said(run: EvalRun, suite: SuiteSpec) -> dict[str, _Said]:
    asked = {
        (case.key, check.name): check
        for case in suite.cases
        for check in suite.checks_of(case)
        if check.type in _JUDGED
    }
    found: dict[str, _Said] = defaultdict(_Said)
    rows = CaseResult.objects.filter(run=run, item__suite__name=suite.name).order_by("pk")
    for case, checks in rows.values_list("case", "checks").iterator(chunk_size=_BATCH):
        for check in checks:
            if (spec := asked.get((case, check["name"]))) is not None:
                found[spec.params["judge"]].add(case, check, is_turned=spec.negate)
    return found


def _figures(judge: JudgeSpec, calibration: Calibration | None, said: _Said) -> dict[str, Any]:
    passed = [fmean(case) for case in said.passed.values()]
    rate = _corrected(lambda found: corrected_rate(found, passed), calibration)
    raw = rate.raw.interval if rate else wilson(sum(passed), len(passed))
    return {
        "answers": sum(map(len, said.passed.values())),
        "method": rate and rate.method,
        "raw": _json(fmean(passed), raw) if passed else None,
        "corrected": rate and _json(rate.corrected.value, rate.corrected.interval),
        "mean": _mean(judge, calibration, [fmean(case) for case in said.scores.values()]),
        "flips": _flips(FlipRate(said.flips, said.pairs)),
    }


def _corrected(
    correct: Callable[[Calibration], Corrected], calibration: Calibration | None
) -> Corrected | None:
    try:
        return correct(calibration) if calibration else None
    except NotCorrectableError:
        return None


def _mean(
    judge: JudgeSpec, calibration: Calibration | None, scores: list[float]
) -> dict[str, Any] | None:
    if judge.mode != "score":
        return None
    found = _corrected(lambda known: corrected_mean(*_scores(judge, known), scores), calibration)
    if found is None:
        return None
    return {
        "method": found.method,
        "raw": _json(found.raw.value, found.raw.interval),
        "corrected": _json(found.corrected.value, found.corrected.interval),
    }


def _scores(judge: JudgeSpec, calibration: Calibration) -> tuple[list[float], list[float]]:
    """What people and the judge gave the labelled answers, as shares of the scale; only those that
    the judge gave a score.
    """
    low, high = judge.rubric.low, judge.rubric.high
    rows = [(row.label, row.score) for row in calibration.rows if row.score is not None]
    people = [(int(label) - low) / (high - low) for label, _ in rows]
    return people, [score for _, score in rows]


def _flips(found: FlipRate) -> dict[str, Any] | None:
    if not found.pairs:
        return None
    return {"flips": found.flips, "pairs": found.pairs, "rate": found.rate}


def _json(value: float, interval: Interval) -> dict[str, Any]:
    """Shares, so never outside 0 and 1, whatever an estimate of an error says."""
    bounds = [min(1.0, max(0.0, bound)) for bound in (interval.low, interval.high)]
    return {"value": min(1.0, max(0.0, value)), "interval": bounds}
