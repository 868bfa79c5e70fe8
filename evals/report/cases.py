"""What became of each case, counted by PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields

from django.db.models import Count, Q, QuerySet

from evals.domain.case_change import CaseCounts, Change
from evals.models import CaseResult, EvalRun
from evals.report.values import CaseLine, CasePlace

_OUTCOME = CaseResult.Outcome
_COUNTS = tuple(field.name for field in fields(CaseCounts))
_ORDER = {change: rank for rank, change in enumerate(Change)}


def case_lines(run: EvalRun, changes: Collection[Change] = ()) -> list[CaseLine]:
    """The cases of a run to which one of `changes` happened (all without any), in the order in
    which a reader wants to hear of them.
    """
    rows = (
        CaseResult.objects.filter(run=run)
        .values("item__suite__name", "case")
        .annotate(
            passes=_count(outcome=_OUTCOME.PASS),
            failures=_count(outcome=_OUTCOME.FAIL),
            errors=_count(outcome=_OUTCOME.ERROR),
            baseline_passes=_count(baseline__outcome=_OUTCOME.PASS),
            baseline_failures=_count(baseline__outcome=_OUTCOME.FAIL),
            baseline_errors=_count(baseline__outcome=_OUTCOME.ERROR),
        )
        .order_by()
        .values_list("item__suite__name", "case", *_COUNTS)
    )
    is_self = run.kind == EvalRun.Kind.SELF
    found = []
    for suite, case, *counted in rows:
        counts = CaseCounts(*counted)
        change = counts.change(is_self_comparison=is_self)
        if not changes or change in changes:
            found.append(CaseLine(CasePlace(_ORDER[change], suite, case), change, counts))
    return sorted(found, key=lambda line: line.place)


def answers_of(run: EvalRun, lines: Sequence[CaseLine]) -> QuerySet[CaseResult]:
    """The answers of these cases, and some of cases of the same name in other suites; in the order
    of the repeats.
    """
    # Work items are found by run, suite and case without a look at the others of the run.
    return (
        CaseResult.objects.filter(
            item__run=run,
            item__suite__name__in={line.place.suite for line in lines},
            item__case__in={line.place.case for line in lines},
        )
        .select_related("item__suite", "baseline")
        .defer("item__suite__spec")
        .order_by("repeat")
    )


def _count(**outcome: str) -> Count:
    return Count("pk", filter=Q(**outcome))
