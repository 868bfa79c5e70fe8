"""Who works on which item: leases with fences, and the one way a result gets in.

PostgreSQL is the queue. Leases are compared with the database's clock, because the clocks of two
workers differ. A worker that dies simply stops renewing; whoever comes next takes its items with a
higher fence, and what the dead one still sends is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from evals.models import CaseResult, EvalRun, WorkItem
from evals.scoring import Judgement, not_judged

#: An item that was leased so often without a result is given up, so that the queue flows.
MOST_ATTEMPTS = 5
#: From here on an item is leased alone: if it kills workers, it takes no neighbours along.
SUSPICIOUS_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to ask for one answer, until somebody holds a newer fence."""

    item: int
    run: UUID
    suite: int
    case: str
    repeat: int
    fence: int


def lease_chunk(*, run_id: UUID, owner: str, size: int) -> tuple[Lease, ...]:
    """Lease up to `size` open items of a live run; empty when there is nothing to take now.

    Fresh items come first, in the order of work; those that outlived a worker come last.
    """
    with transaction.atomic():
        free = list(
            _free(run_id)
            .filter(attempts__lt=MOST_ATTEMPTS)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .order_by("attempts", "position")[:size]
        )
        chosen = _blame_at_most_one(free)
        leased = WorkItem.objects.filter(pk__in=[item.pk for item in chosen])
        leased.update(
            fence=F("fence") + 1,
            owner=owner,
            leased_until=Now() + _term(),
            attempts=F("attempts") + 1,
        )
    return tuple(
        Lease(item.pk, item.run_id, item.suite_id, item.case, item.repeat, item.fence + 1)
        for item in chosen
    )


def _blame_at_most_one(free: Sequence[WorkItem]) -> Sequence[WorkItem]:
    trusted = [item for item in free if item.attempts < SUSPICIOUS_ATTEMPTS]
    return trusted or free[:1]


def _free(run_id: UUID) -> QuerySet[WorkItem]:
    """Open items nobody holds, of a run that is to be worked on."""
    return WorkItem.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=Now()),
        run_id=run_id,
        run__status__in=EvalRun.LIVE,
        done=False,
    )


def _term() -> timedelta:
    return timedelta(seconds=settings.EVAL_LEASE_SECONDS)


def still_held(leases: Collection[Lease]) -> frozenset[int]:
    """The items among `leases` whose fence is still the newest and whose run is still live."""
    rows = WorkItem.objects.filter(
        pk__in=[lease.item for lease in leases], done=False, run__status__in=EvalRun.LIVE
    ).values_list("pk", "fence")
    newest = dict(rows)
    return frozenset(lease.item for lease in leases if newest.get(lease.item) == lease.fence)


def renew(*, items: Iterable[int], owner: str) -> None:
    """Hold what `owner` still holds for another term."""
    WorkItem.objects.filter(pk__in=list(items), owner=owner, done=False).update(
        leased_until=Now() + _term()
    )


def release(*, items: Iterable[int], owner: str, refund: bool) -> None:
    """Give items back at once. `refund`: nothing went wrong, so the attempt does not count."""
    held = WorkItem.objects.filter(pk__in=list(items), owner=owner, done=False)
    held.update(
        owner="", leased_until=None, attempts=F("attempts") - 1 if refund else F("attempts")
    )


def store_result(*, lease: Lease, judgement: Judgement) -> bool:
    """Store the one result of an item and count its tokens, or refuse it.

    False when the item has a result already, somebody else holds a newer fence, or the run is
    finished. A cancelled run takes what was paid for already: it may be resumed.
    """
    with transaction.atomic():
        # The run's row is locked first by everybody (also by finalise): no deadlock, and no result
        # behind a verdict's back.
        run = EvalRun.objects.select_for_update(no_key=True).get(pk=lease.run)
        if run.status == EvalRun.Status.FINISHED:
            return False
        claimed = WorkItem.objects.filter(pk=lease.item, fence=lease.fence, done=False).update(
            done=True, owner="", leased_until=None
        )
        if not claimed:
            return False
        _insert(lease, judgement)
        EvalRun.objects.filter(pk=lease.run).update(
            done=F("done") + 1,
            errors=F("errors") + int(judgement.outcome == CaseResult.Outcome.ERROR),
            prompt_tokens=F("prompt_tokens") + judgement.prompt_tokens,
            completion_tokens=F("completion_tokens") + judgement.completion_tokens,
        )
    return True


def _insert(lease: Lease, judgement: Judgement) -> None:
    CaseResult.objects.create(
        item_id=lease.item,
        run_id=lease.run,
        case=lease.case,
        repeat=lease.repeat,
        fence=lease.fence,
        outcome=judgement.outcome,
        critical_failure=judgement.critical_failure,
        text=judgement.text,
        checks=[asdict(check) for check in judgement.checks],
        error=judgement.error,
        finish_reason=judgement.finish_reason,
        ttft_ms=judgement.ttft_ms,
        total_ms=judgement.total_ms,
        prompt_tokens=judgement.prompt_tokens,
        completion_tokens=judgement.completion_tokens,
        cached_tokens=judgement.cached_tokens,
    )


def give_up_poison(*, run_id: UUID) -> int:
    """Give every item that used up its attempts an ERROR result. Returns how many."""
    lost = _free(run_id).filter(attempts__gte=MOST_ATTEMPTS)
    reason = (
        f"given up: {MOST_ATTEMPTS} workers in a row died or broke over this case without a result"
    )
    return sum(
        store_result(
            lease=Lease(item.pk, item.run_id, item.suite_id, item.case, item.repeat, item.fence),
            judgement=not_judged(reason),
        )
        for item in lost
    )


def take_lead(*, run_id: UUID, owner: str) -> bool:
    """Become the one worker that may measure the model and close the run."""
    free = EvalRun.objects.filter(
        Q(leader_until=None) | Q(leader_until__lte=Now()), pk=run_id, status__in=EvalRun.LIVE
    )
    taken = free.update(
        leader=owner, leader_until=Now() + _term(), lead_attempts=F("lead_attempts") + 1
    )
    return bool(taken)


def renew_lead(*, run_id: UUID, owner: str) -> bool:
    """Lead for another term; False when the lead is lost or the run is no longer live."""
    held = EvalRun.objects.filter(pk=run_id, leader=owner, status__in=EvalRun.LIVE)
    return bool(held.update(leader_until=Now() + _term()))


def drop_lead(*, run_id: UUID, owner: str) -> None:
    """Stop leading, with nothing gone wrong."""
    EvalRun.objects.filter(pk=run_id, leader=owner).update(
        leader="", leader_until=None, lead_attempts=0
    )
