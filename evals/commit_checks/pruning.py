"""Delete checks that ended long ago, and what they measured. Nothing that is served or proven rests
on them: certificates, tags and their ledger have no column that could name one.

A check goes first, with its prompts, in one transaction; then its runs, some answers at a time;
then the proposed versions and suites that no run measures. Whoever is killed in between leaves
runs that belong to no check: the next one goes on with them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from evals.commit_checks.ending import CONTEXT
from evals.models import (
    CheckedPrompt,
    CommitCheck,
    DeletedRuns,
    EvalRun,
    ProposedVersion,
    Suite,
    WorkItem,
)
from registry import githost

#: Rows of one transaction: nobody waits long for it.
_BATCH = 1_000
#: Checks of one call. The next one, an hour later, goes on.
_MOST = 1_000


def prune_checks(*, now: datetime) -> int:
    """Keep checks for `CHECKS_DAYS` after they ended. Returns how many were deleted.

    In batches, each a transaction of its own. One that goes on is never deleted.
    """
    limit = now - timedelta(days=settings.CHECKS_DAYS)
    old = _ended(limit).order_by("created_at").values_list("pk", flat=True)[:_MOST]
    gone = sum(_delete_check(pk, limit) for pk in list(old))
    for pk in list(_left_runs().values_list("pk", flat=True)):
        _delete_run(pk)
    for rows in _unmeasured(limit):
        while _delete_some(rows):
            pass
    return gone


def _ended(limit: datetime) -> QuerySet[CommitCheck]:
    return CommitCheck.objects.filter(status=CommitCheck.Status.DONE, finished_at__lt=limit)


def _delete_check(pk: UUID, limit: datetime) -> bool:
    """False when somebody else has deleted it, or is at it."""
    with transaction.atomic():
        check = _ended(limit).select_for_update(skip_locked=True).filter(pk=pk).first()
        if check is None:
            return False
        check.delete()
        if not CommitCheck.objects.filter(head=check.head).exists():
            githost.forget(check.head, CONTEXT)
    return True


def _left_runs() -> QuerySet[EvalRun]:
    """Runs of checks that are gone. They are begun in the transaction that says whose they are."""
    known = CheckedPrompt.objects.filter(run=OuterRef("pk"))
    ended = EvalRun.objects.exclude(status__in=EvalRun.LIVE)
    return ended.filter(~Exists(known), kind=EvalRun.Kind.CHECK)


def _delete_run(pk: UUID) -> None:
    """Its answers first: there may be a hundred thousand."""
    items = WorkItem.objects.filter(run=pk).values_list("pk", flat=True)[:_BATCH]
    while found := list(items.all()):
        WorkItem.objects.filter(pk__in=found).delete()
    with transaction.atomic():
        run = _left_runs().select_for_update(of=("self",)).filter(pk=pk).first()
        if run is not None:
            _remember(run)
            run.delete()


def _remember(run: EvalRun) -> None:
    row, _ = DeletedRuns.objects.get_or_create(status=run.status, verdict=run.verdict)
    DeletedRuns.objects.filter(pk=row.pk).update(
        runs=F("runs") + 1,
        prompt_tokens=F("prompt_tokens") + run.prompt_tokens,
        completion_tokens=F("completion_tokens") + run.completion_tokens,
    )


def _unmeasured(limit: datetime) -> tuple[QuerySet[ProposedVersion], QuerySet[Suite]]:
    """What commits proposed, and no run measures any more."""
    of_version = EvalRun.objects.filter(proposed=OuterRef("pk"))
    of_suite = EvalRun.suites.through.objects.filter(suite=OuterRef("pk"))
    return (
        ProposedVersion.objects.filter(~Exists(of_version), created_at__lt=limit),
        Suite.objects.filter(~Exists(of_suite), created_at__lt=limit, is_proposed=True),
    )


def _delete_some(rows: QuerySet[ProposedVersion] | QuerySet[Suite]) -> int:
    """Whoever proposes one of them just now holds its row."""
    with transaction.atomic():
        free = rows.select_for_update(skip_locked=True).order_by("pk")
        held = [row.pk for row in free.only("pk")[:_BATCH]]
        # Once more: a run may have been begun before the rows were held.
        return rows.filter(pk__in=held).only("pk").delete()[0]
