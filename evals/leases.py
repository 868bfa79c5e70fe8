"""Who works on which item: leases with fences.

PostgreSQL is the queue. Leases are compared with the database's clock, because the clocks of two
workers differ. A worker that dies simply stops renewing; whoever comes next takes its items with a
higher fence, and what the dead one still sends is refused.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from evals.models import EvalRun, WorkItem

#: An item that was leased so often without a result is given up, so that the queue flows.
MOST_ATTEMPTS = 5
#: From here on an item is leased alone: if it kills workers, it takes no neighbours along.
SUSPICIOUS_ATTEMPTS = 2


# Hundreds of items at a time, in the process that keeps the model busy: one statement each, with
# an array where the ORM would check and quote every id. One suspicious item is leased where there
# are no others.
_LEASE = """
    WITH free AS (
        SELECT item.id, item.attempts, item.position
        FROM evals_workitem AS item JOIN evals_evalrun AS run ON run.id = item.run_id
        WHERE item.run_id = %(run)s AND run.status = ANY(%(live)s) AND NOT item.done
            AND (item.leased_until IS NULL OR item.leased_until <= statement_timestamp())
            AND item.attempts < %(most)s
        ORDER BY item.attempts, item.position
        LIMIT %(size)s
        FOR NO KEY UPDATE OF item SKIP LOCKED
    ), ordered AS (
        SELECT id, attempts, row_number() OVER (ORDER BY attempts, position) AS place FROM free
    )
    UPDATE evals_workitem AS item
    SET fence = fence + 1, owner = %(owner)s, attempts = item.attempts + 1,
        leased_until = statement_timestamp() + make_interval(secs => %(seconds)s)
    FROM ordered
    WHERE item.id = ordered.id AND (ordered.attempts < %(suspicious)s OR ordered.place = 1)
    RETURNING item.attempts, item.position,
        item.id, item.run_id, item.suite_id, item.case, item.repeat, item.fence
"""
_NEWEST_FENCES = """
    SELECT item.id, item.fence
    FROM evals_workitem AS item JOIN evals_evalrun AS run ON run.id = item.run_id
    WHERE item.id = ANY(%(items)s) AND NOT item.done AND run.status = ANY(%(live)s)
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to ask for one answer, until somebody holds a newer fence."""

    item: int
    run: UUID
    suite: int
    case: str
    repeat: int
    fence: int


def fresh_owner() -> str:
    """A name for one worker's call that no other one has; it begins with the machine's."""
    return f"{socket.gethostname()[:60]}:{secrets.token_hex(8)}"


def lease_chunk(*, run_id: UUID, owner: str, size: int) -> tuple[Lease, ...]:
    """Lease up to `size` open items of a live run; empty when there is nothing to take now.

    Fresh items come first, in the order of work; those that outlived a worker come last.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE,
            {
                "run": run_id,
                "live": list(EvalRun.LIVE),
                "owner": owner,
                "seconds": settings.EVAL_LEASE_SECONDS,
                "size": size,
                "suspicious": SUSPICIOUS_ATTEMPTS,
                "most": MOST_ATTEMPTS,
            },
        )
        leased = sorted(cursor.fetchall())
    return tuple(Lease(*columns) for _, _, *columns in leased)


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
    with connection.cursor() as cursor:
        items = [lease.item for lease in leases]
        cursor.execute(_NEWEST_FENCES, {"items": items, "live": list(EvalRun.LIVE)})
        newest = dict(cursor.fetchall())
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


def given_up(run_id: UUID) -> tuple[tuple[Lease, ...], str]:
    """The items that used up their attempts, as if leased, and what to say about them."""
    lost = _free(run_id).filter(attempts__gte=MOST_ATTEMPTS)
    reason = (
        f"given up: {MOST_ATTEMPTS} workers in a row died or broke over this case without a result"
    )
    leased = (
        Lease(item.pk, item.run_id, item.suite_id, item.case, item.repeat, item.fence)
        for item in lost
    )
    return tuple(leased), reason


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
