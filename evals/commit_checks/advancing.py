"""One step of a check, whatever the next one is. Safe to call twice, and at once from several.

What is stored is done: a worker that is killed leaves its lease to run out, and the next one does
again what is not stored.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from core.errors import AssayError, InvalidError, RefusedError
from evals import jobs, leases
from evals.commit_checks import ending
from evals.commit_checks.outcomes import outcome_of
from evals.commit_checks.proposing import propose
from evals.commit_checks.reading import Reading, read_commit
from evals.domain.check_verdict import decide_check
from evals.domain.proposal import ChangeReport
from evals.models import CheckedPrompt, CommitCheck, EvalRun
from evals.token_counts import count_tokens
from registry.domain.storable import storable_json
from registry.domain.token_count import estimated

_log = logging.getLogger(__name__)
#: The advisory lock of who may start a check; any number nobody else uses.
_TURN = 0x43484B53
#: Preparations that may fail or die before the check is given up.
_MOST_ATTEMPTS = 5
#: Before the next try, times the tries so far.
_WAIT = timedelta(seconds=10)
_HELD = (
    "it comes from a fork, so no model was asked: a maintainer lets this commit in by setting the "
    "label {label!r}"
)


def advance(check_id: UUID) -> None:
    """Start, prepare, or finish a check, as far as that can be done now."""
    _start_waiting()
    check = CommitCheck.objects.filter(pk=check_id, status=CommitCheck.Status.RUNNING).first()
    if check is None:
        return
    if check.prepared_at is None and not _prepare(check):
        return
    _finish_if_measured(check_id)


def _start_waiting() -> None:
    """Let the oldest checks that wait begin, as many as may go on beside each other."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        going = CommitCheck.objects.filter(status=CommitCheck.Status.RUNNING).count()
        waiting = CommitCheck.objects.select_for_update(no_key=True).filter(
            status=CommitCheck.Status.QUEUED
        )
        free = max(0, settings.CHECKS_AT_ONCE - going)
        for check in waiting.order_by("created_at")[:free]:
            check.status, check.started_at = CommitCheck.Status.RUNNING, timezone.now()
            check.save(update_fields=["status", "started_at"])
            ending.tell(check)
            jobs.check_after_commit(check.pk)


def _prepare(check: CommitCheck) -> bool:
    """Read the commit and start its runs. False when that has to be tried again, or is not ours."""
    owner = leases.fresh_owner()
    if not _claimed(check, owner):
        return False
    check.refresh_from_db(fields=["attempts"])
    if check.attempts > _MOST_ATTEMPTS:
        _give_up(check, owner, f"{_MOST_ATTEMPTS} tries in a row died or failed over this commit")
        return False
    try:
        # Models are asked nothing about what nobody has let in, not even how long it is.
        count = estimated if check.is_held else count_tokens
        reading = read_commit(check.head, check.base, count)
        return _stored(check, owner, reading)
    except (RefusedError, InvalidError) as error:
        _give_up(check, owner, error.sentence)
    except AssayError as error:
        if check.attempts >= _MOST_ATTEMPTS:
            _give_up(check, owner, error.sentence)
        else:
            _release(check, owner)
            _log.warning("check %s waits: %s", check.pk, error.message)
    except (OperationalError, InterfaceError):
        raise  # the database went away: that says nothing of the commit, and the lease runs out
    except Exception as error:  # noqa: BLE001 - hostile input found a bug of ours: that must be told
        _log.exception("check %s could not be prepared", check.pk)
        _give_up(check, owner, f"the commit could not be read: {type(error).__name__}")
    return False


def _claimed(check: CommitCheck, owner: str) -> bool:
    """A lease on the preparation: as long as a fetch may take, and until it runs out."""
    free = _unprepared(check).filter(Q(leased_until=None) | Q(leased_until__lte=Now()))
    term = timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    return bool(free.update(owner=owner, leased_until=Now() + term, attempts=F("attempts") + 1))


def _release(check: CommitCheck, owner: str) -> None:
    _unprepared(check).filter(owner=owner).update(
        owner="", leased_until=Now() + check.attempts * _WAIT
    )


def _unprepared(check: CommitCheck) -> QuerySet[CommitCheck]:
    return CommitCheck.objects.filter(
        pk=check.pk, status=CommitCheck.Status.RUNNING, prepared_at=None
    )


def _stored(check: CommitCheck, owner: str, reading: Reading) -> bool:
    """All that follows from the reading, at once: the rows, and the runs. False when another
    worker was given the check meanwhile, or nobody wants it any more.
    """
    now = timezone.now()
    with transaction.atomic():
        mine = _unprepared(check).select_for_update(no_key=True).filter(owner=owner).first()
        if mine is None:
            return False
        mine.fork, mine.change = reading.fork, storable_json(reading.report.to_json())
        mine.title = mine.title or reading.title[:300]
        mine.prepared_at, mine.owner, mine.leased_until = now, "", None
        mine.save()
        propose(mine, reading.prompts, now)
        ending.tell(mine)
    return True


def _give_up(check: CommitCheck, owner: str, reason: str) -> None:
    with transaction.atomic():
        mine = _unprepared(check).select_for_update(no_key=True).filter(owner=owner).first()
        if mine is not None:
            ending.end(mine, "ERROR", (reason,), timezone.now())


def _finish_if_measured(check_id: UUID) -> None:
    """Give the verdict once every run is over; until then say how far they are."""
    try:
        _finish(check_id)
    except (OperationalError, InterfaceError):
        raise  # as above: somebody does it again
    except Exception as error:  # noqa: BLE001 - it would keep its turn, and others would wait for ever
        _log.exception("check %s could not be reported", check_id)
        with transaction.atomic():
            check = CommitCheck.objects.select_for_update(no_key=True).get(pk=check_id)
            if check.status == CommitCheck.Status.RUNNING:
                reason = f"the report could not be made: {type(error).__name__}"
                ending.break_off(check, reason, timezone.now())
    _start_waiting()


def _finish(check_id: UUID) -> None:
    with transaction.atomic():
        check = CommitCheck.objects.select_for_update(no_key=True).get(pk=check_id)
        if check.status != CommitCheck.Status.RUNNING or check.prepared_at is None:
            return
        prompts = list(CheckedPrompt.objects.filter(commit_check=check).select_related("run"))
        if any(one.run is not None and one.run.status in EvalRun.LIVE for one in prompts):
            ending.tell(check)
            return
        report = ChangeReport.from_json(check.change)
        held = _HELD.format(label=settings.CHECK_LABEL) if check.is_held else ""
        decision = decide_check(report.findings, [outcome_of(one) for one in prompts], is_held=held)
        ending.end(check, decision.verdict, decision.sentences, timezone.now())
