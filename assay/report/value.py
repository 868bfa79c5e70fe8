"""The report of a run: everything the formats show, and nothing they must still compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.answers import Comparison, Corrected, EvalRun, Guardrail
from assay.answers.reports import CHANGES, Change, CheckRate, RunCase, ScoreVariance, Usage


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """How one suite went, as `SuiteRate`, and what the gate made of it beside the live version.

    Where judges decide, the gate counts `corrected`.
    """

    name: str
    verdict: str | None
    cases: int
    passed: int
    pass_rate: float | None
    interval: tuple[float, float] | None
    comparison: Comparison | None = None
    guardrails: tuple[Guardrail, ...] = ()
    corrected: Corrected | None = None


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
class Report:
    """A run and what its answers come to. `confidence` is that of all intervals.

    `counts` says how many cases each change happened to. `cases` are those that a format shows,
    their texts cut where they are long: seldom all there are.
    """

    run: EvalRun
    confidence: float
    suites: tuple[SuiteRow, ...]
    checks: tuple[CheckRate, ...]
    counts: dict[Change, int]
    cases: tuple[RunCase, ...]
    times: tuple[TimeRow, ...]
    usage: Usage
    variances: tuple[ScoreVariance, ...] = ()
    remarks: tuple[str, ...] = ()

    def of(self, *changes: Change) -> Sequence[RunCase]:
        """The cases at hand to which one of these happened, in the order of CHANGES."""
        wanted = [row for row in self.cases if row.change in changes]
        return sorted(wanted, key=lambda row: CHANGES.index(row.change))

    def count(self, *changes: Change) -> int:
        """How many cases there are to which one of these happened."""
        return sum(self.counts.get(change, 0) for change in changes)
