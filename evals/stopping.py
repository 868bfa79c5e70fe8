"""Whether a run may have failed already: asked often, so PostgreSQL counts and nobody reads cases.

`runs.stop_if_failed` decides by `may_stop` of the gate, which reads every pair. What is asked here
is cheaper and never says no where that would say yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from evals.domain.statistics import BinaryDifference, e_value
from evals.models import EvalRun
from registry.domain.policy import GatePolicy

#: By suite, of the cases that both arms have answered in every repeat. What the live version cannot
#: be asked counts as if it had passed it.
_FLIPS = """
SELECT suite_id, count(*) FILTER (WHERE passes < live), count(*) FILTER (WHERE passes > live),
       count(*), max(repeats)
FROM (
    SELECT item.suite_id, count(*) AS repeats,
           count(*) FILTER (WHERE result.outcome = 'pass') AS passes,
           count(*) FILTER (WHERE baseline.outcome IN ('pass', 'skipped')) AS live
    FROM evals_workitem item
    LEFT JOIN evals_caseresult result ON result.item_id = item.id
    LEFT JOIN evals_baselineresult baseline ON baseline.result_id = result.id
    WHERE item.run_id = %s
    GROUP BY item.suite_id, item.case
    HAVING count(*) = count(*) FILTER (
        WHERE result.outcome IN ('pass', 'fail') AND baseline.outcome IN ('pass', 'fail', 'skipped')
    )
) AS cases
GROUP BY suite_id
"""
_CLUSTERED = """
SELECT spec ->> 'cluster' IS NOT NULL OR spec @? '$.cases[*].cluster'
FROM evals_suite WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class FlipCounts:
    """Cases of one suite that went worse and better, of `cases` that both arms answered.

    `repeats` is the highest number of any; `is_clustered` says that cases may stand or fall
    together.
    """

    worse: int
    better: int
    cases: int
    repeats: int
    is_clustered: bool

    def may_have_failed(self, policy: GatePolicy) -> bool:
        """Whether `may_stop` could say so of these cases. Clusters may cancel out what went better:
        they flip as one, and no more of them go worse than cases do.
        """
        better = 0 if self.is_clustered else self.better
        if self.worse <= better or e_value(self.worse, better) < 1 / (1 - policy.confidence):
            return False
        if self.is_clustered or self.repeats > 1 or policy.margin is None:
            return True
        found = BinaryDifference(self.worse, self.better, self.cases)
        return found.upper(policy.confidence) < -policy.margin


def flip_counts(run: EvalRun) -> tuple[FlipCounts, ...]:
    """The flips of a run until now, suite by suite."""
    with connection.cursor() as cursor:
        cursor.execute(_FLIPS, [run.pk])
        rows = cursor.fetchall()
    return tuple(
        FlipCounts(worse, better, cases, repeats, _is_clustered(suite))
        for suite, worse, better, cases, repeats in rows
    )


@lru_cache(maxsize=256)
def _is_clustered(suite: int) -> bool:
    """Whether cases of a suite may belong together. A suite's content never changes, and its cases
    are more to read than the flips.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLUSTERED, [suite])
        row = cursor.fetchone()
    return row is None or bool(row[0])


def may_have_failed(run: EvalRun, policy: GatePolicy) -> bool:
    """Whether it is worth to read every pair of a run and let the gate decide."""
    if run.baseline_id is None or not policy.early_stop or policy.margin is None:
        return False
    return any(found.may_have_failed(policy) for found in flip_counts(run))
