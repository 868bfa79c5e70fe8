"""The report of a run: everything the formats show, and nothing they must still compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay.answers import CaseAnswer, Comparison, EvalRun, Guardrail

#: What became of a case, in the order in which a reader wants to hear it.
Change = Literal["regressed", "fixed", "flaky", "error", "failing", "passing"]
CHANGES: tuple[Change, ...] = ("regressed", "fixed", "flaky", "error", "failing", "passing")
#: What a reader of a summary wants to see, not only to count.
NEWS: tuple[Change, ...] = ("regressed", "fixed", "flaky", "error")


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """How one suite went. A case counts once, by the mean of its repeats.

    `verdict` is None while the run goes on; `pass_rate` and `interval` are those of the gate where
    it gave some, else of the answers so far, and None when there are none.
    """

    name: str
    verdict: str | None
    cases: int
    passed: int
    pass_rate: float | None
    interval: tuple[float, float] | None
    comparison: Comparison | None = None
    guardrails: tuple[Guardrail, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckRow:
    """How often one check of a suite passed, in cases: one counts once, by the mean of its repeats.

    `interval` is Wilson's. `baseline_rate` is that of the live version on the same cases, None when
    it was not asked. `score` is the mean score, None when the check measures none. A check that
    `decides` nothing belongs to a judge that is not trusted.
    """

    suite: str
    name: str
    type: str
    critical: bool
    decides: bool
    cases: int
    pass_rate: float
    interval: tuple[float, float]
    baseline_rate: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case with its answers, in the order of the repeats; texts are cut where they are long.

    `pass_rate` and `baseline_rate` are shares of the repeats, None without one that could be
    scored (or asked).
    """

    suite: str
    case: str
    change: Change
    pass_rate: float | None
    baseline_rate: float | None
    answers: tuple[CaseAnswer, ...]

    @property
    def telling(self) -> CaseAnswer:
        """The answer that shows best what happened: the first that made the change."""
        return next((a for a in self.answers if _tells(a, self.change)), self.answers[0])


def _tells(answer: CaseAnswer, change: Change) -> bool:
    before = None if answer.baseline is None else answer.baseline.outcome
    match change:
        case "regressed":
            return answer.outcome == "fail" and before != "fail"
        case "fixed":
            return answer.outcome == "pass" and before != "pass"
        case "error":
            return "error" in (answer.outcome, before)
        case _:
            return answer.outcome != "pass"


@dataclass(frozen=True, slots=True)
class PercentileCell:
    """One percentile, in the unit its metric ends with; a bound is None where the answers cannot
    give one.
    """

    quantile: float
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One metric of one arm over `count` answers.

    `suite` and `concurrency` are those of a latency phase; None for the times of the run itself,
    whose load was whatever the run needed.
    """

    metric: str
    arm: str
    count: int
    percentiles: tuple[PercentileCell, ...]
    suite: str | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the run took. Cost in USD is that of the forecast: None when there is none.

    `prefix_cache_rate` is the share of prompt tokens that the server had in its prefix cache, over
    the answers for which it says so; None when it never does.
    """

    prompt_tokens: int
    completion_tokens: int
    planned_cost_usd: float | None
    cached_answers: int
    prefix_cache_rate: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """A run and what its answers come to. `confidence` is that of all intervals."""

    run: EvalRun
    confidence: float
    suites: tuple[SuiteRow, ...]
    checks: tuple[CheckRow, ...]
    cases: tuple[CaseRow, ...]
    times: tuple[TimeRow, ...]
    usage: Usage
    remarks: tuple[str, ...] = ()

    def of(self, *changes: Change) -> Sequence[CaseRow]:
        """The cases to which one of these happened, in the order of CHANGES."""
        wanted = [row for row in self.cases if row.change in changes]
        return sorted(wanted, key=lambda row: CHANGES.index(row.change))

    @property
    def counts(self) -> dict[Change, int]:
        """How many cases each change happened to; without those that happened to none."""
        found = {change: len(self.of(change)) for change in CHANGES}
        return {change: count for change, count in found.items() if count}
