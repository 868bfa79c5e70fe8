"""What became of each case, counted by PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from evals.domain.case_change import CaseCounts, Change
from evals.models import CaseResult, EvalRun
from evals.report.values import CaseLine, CasePlace

_OUTCOME = CaseResult.Outcome
_COUNTS = tuple(field.name for field in fields(CaseCounts))
_ORDER = {change: rank for rank, change in enumerate(Change)}


#: Suite and case -> how the repeats came out.
Counted = Mapping[tuple[str, str], CaseCounts]


def counts_by_case(runs: Collection[EvalRun]) -> Mapping[UUID, Counted]:
    """How the cases of each run came out; a run without an answer has none."""
    rows = (
        CaseResult.objects.filter(run__in=[run.pk for run in runs])
        .values("run", "item__suite__name", "case")
        .annotate(
            passes=_count(outcome=_OUTCOME.PASS),
            failures=_count(outcome=_OUTCOME.FAIL),
            errors=_count(outcome=_OUTCOME.ERROR),
            baseline_passes=_count(baseline__outcome=_OUTCOME.PASS),
            baseline_failures=_count(baseline__outcome=_OUTCOME.FAIL),
            baseline_errors=_count(baseline__outcome=_OUTCOME.ERROR),
        )
        .order_by()
        .values_list("run", "item__suite__name", "case", *_COUNTS)
    )
    found: dict[UUID, dict[tuple[str, str], CaseCounts]] = defaultdict(dict)
    for run, suite, case, *counted in rows:
        found[run][suite, case] = CaseCounts(*counted)
    return found


def case_lines(run: EvalRun, changes: Collection[Change] = ()) -> list[CaseLine]:
    """The cases of a run to which one of `changes` happened (all without any), in the order in
    which a reader wants to hear of them.
    """
    return having(lines_of(run, counts_by_case([run]).get(run.pk, {})), changes)


def lines_of(run: EvalRun, counted: Counted) -> list[CaseLine]:
    """The cases that were counted, in that order."""
    is_self = run.kind == EvalRun.Kind.SELF
    found = []
    for (suite, case), counts in counted.items():
        change = counts.change(is_self_comparison=is_self)
        found.append(CaseLine(CasePlace(_ORDER[change], suite, case), change, counts))
    return sorted(found, key=lambda line: line.place)


def having(lines: Iterable[CaseLine], changes: Collection[Change]) -> list[CaseLine]:
    """Those to which one of `changes` happened; all without any."""
    return [line for line in lines if not changes or line.change in changes]


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
