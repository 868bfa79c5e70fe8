"""How often each check passed, added up by PostgreSQL from what the checks said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from evals.domain.statistics import wilson
from evals.models import EvalRun
from evals.report.values import CheckLine

_CANDIDATE = "evals_caseresult answer ON answer.id = result.id"
_BASELINE = "evals_baselineresult answer ON answer.result_id = result.id"
#: First every check of every case, so that a case counts once; then every check.
_RATES = """
SELECT run, suite, name, type, count(*), sum(rate), bool_or(critical), bool_or(decides),
       sum(scores) / nullif(sum(scored), 0)
FROM (
    SELECT result.run_id AS run, suite.name AS suite, said.name, said.type,
           min(said.place) AS place,
           avg(said.passed::int)::float8 AS rate,
           bool_or(said.critical) AS critical,
           bool_or(said.critical OR coalesce(said.weight, 1) > 0) AS decides,
           sum(said.score) AS scores, count(said.score) AS scored
    FROM evals_caseresult result
    JOIN {answer}
    JOIN evals_workitem item ON item.id = result.item_id
    JOIN evals_suite suite ON suite.id = item.suite_id
    CROSS JOIN ROWS FROM (
        jsonb_to_recordset(answer.checks) AS (
            name text, type text, passed boolean, critical boolean, score float8, weight float8
        )
    ) WITH ORDINALITY AS said(name, type, passed, critical, score, weight, place)
    WHERE result.run_id = ANY(%s)
    GROUP BY result.run_id, suite.name, said.name, said.type, result.case
) AS cases
GROUP BY run, suite, name, type
ORDER BY run, suite, min(place), name, type
"""


@dataclass(frozen=True, slots=True)
class _Sum:
    """One check of one arm; `passes` adds up the shares of the cases."""

    run: UUID
    suite: str
    name: str
    type: str
    cases: int
    passes: float
    critical: bool
    decides: bool
    score: float | None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.suite, self.name, self.type)


def check_lines(run: EvalRun, confidence: float) -> tuple[CheckLine, ...]:
    """One line for each check of each suite, in the order in which answers name them."""
    live = {}
    if run.baseline_id is not None:
        live = {found.key: found.passes / found.cases for found in _sums([run], _BASELINE)}
    sums = _sums([run], _CANDIDATE)
    return tuple(_line(found, live.get(found.key), confidence) for found in sums)


def checks_by_run(
    runs: Collection[EvalRun], confidence: float
) -> Mapping[UUID, tuple[CheckLine, ...]]:
    """The checks of each run, of its candidate alone."""
    found: dict[UUID, tuple[CheckLine, ...]] = defaultdict(tuple)
    for each in _sums(runs, _CANDIDATE):
        found[each.run] += (_line(each, None, confidence),)
    return found


def _sums(runs: Collection[EvalRun], answer: str) -> list[_Sum]:
    with connection.cursor() as cursor:
        cursor.execute(_RATES.format(answer=answer), [[run.pk for run in runs]])
        return [_Sum(*row) for row in cursor.fetchall()]


def _line(found: _Sum, live: float | None, confidence: float) -> CheckLine:
    interval = wilson(min(found.passes, found.cases), found.cases, confidence)
    return CheckLine(
        suite=found.suite,
        name=found.name,
        type=found.type,
        critical=found.critical,
        decides=found.decides,
        cases=found.cases,
        pass_rate=found.passes / found.cases,
        interval=(interval.low, interval.high),
        baseline_rate=live,
        score=found.score,
    )
