"""Ask for checks, and take the question back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from core.errors import ConflictError
from evals import jobs, queries, runs
from evals.commit_checks import ending
from evals.models import CommitCheck
from registry.domain.actor import Actor, Scope
from registry.mirror import MirrorRefusedError, object_id
from registry.mirror.errors import CommitInvalidError


class CheckDoneError(ConflictError):
    """The check is done; its verdict stays."""

    code = "check_done"
    hint = "ask for another one"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A commit, and what it is proposed for: ids in full, zeros for nothing.

    `pull_request` is its number at the Git host. `is_held`: it comes from a fork that nobody let
    in, so it is linted and no model is asked.
    """

    head: str
    base: str
    pull_request: int | None = None
    title: str = ""
    is_held: bool = False


def request_check(
    *, proposal: Proposal, model: str | None, actor: Actor, now: datetime
) -> CommitCheck:
    """Have a commit checked; one that is being checked already is not checked twice.

    Raises NotAllowedError, CommitInvalidError.
    """
    actor.require(Scope.EVALUATE)
    queries.require_every_prompt(actor)
    same = {
        "head": _whole_id(proposal.head),
        "base": _whole_id(proposal.base),
        "model": model or "",
        "is_held": proposal.is_held,
    }
    with transaction.atomic():
        if proposal.pull_request is not None:
            supersede(pull_request=proposal.pull_request, head=proposal.head, now=now)
        check = None
        while check is None:  # the one that goes on may end while it is waited for
            check = _created(same, proposal, actor, now) or _going_on(same, proposal)
        ending.tell(check)
        jobs.check_after_commit(check.pk)
    return check


def _whole_id(commit: str) -> str:
    try:
        return object_id(commit)
    except MirrorRefusedError as error:
        raise CommitInvalidError(error.message, hint=error.hint) from error


def _created(
    same: dict[str, object], proposal: Proposal, actor: Actor, now: datetime
) -> CommitCheck | None:
    try:
        with transaction.atomic():
            return CommitCheck.objects.create(
                **same,
                pull_request=proposal.pull_request,
                title=proposal.title[:300],
                requested_by=actor.name,
                created_at=now,
            )
    except IntegrityError:
        return None


def _going_on(same: dict[str, object], proposal: Proposal) -> CommitCheck | None:
    """The one that was asked for before; the pull request is told by it as well. None: it is done
    by now.
    """
    live = CommitCheck.objects.filter(**same, status__in=CommitCheck.LIVE)
    check = live.select_for_update(no_key=True).first()
    if check is None:
        return None
    if check.pull_request is None and proposal.pull_request is not None:
        check.pull_request, check.title = proposal.pull_request, proposal.title[:300]
        check.save(update_fields=["pull_request", "title"])
    return check


def supersede(*, pull_request: int, head: str, now: datetime) -> None:
    """End the checks of a pull request's older heads, and those of this one that are held."""
    with transaction.atomic():
        older = CommitCheck.objects.select_for_update(no_key=True).filter(
            pull_request=pull_request, status__in=CommitCheck.LIVE
        )
        for check in older.exclude(head=head, is_held=False).order_by("pk"):
            _stop(check, f"superseded by {head[:12]}", now)


def close_pull_request(*, number: int, now: datetime) -> None:
    """End the checks of a pull request that nobody will merge any more, or has merged."""
    with transaction.atomic():
        live = CommitCheck.objects.select_for_update(no_key=True).filter(
            pull_request=number, status__in=CommitCheck.LIVE
        )
        for check in live.order_by("pk"):
            _stop(check, "the pull request was closed", now)


def cancel_check(*, check_id: UUID, actor: Actor, now: datetime) -> CommitCheck:
    """Stop a check and its runs; cancelling twice changes nothing.

    Raises CheckUnknownError, NotAllowedError, CheckDoneError.
    """
    actor.require(Scope.EVALUATE)
    queries.check_for(actor, check_id)
    with transaction.atomic():
        check = CommitCheck.objects.select_for_update(no_key=True).get(pk=check_id)
        if check.status in CommitCheck.LIVE:
            check.cancelled_by = actor.name
            _stop(check, f"cancelled by {actor.name}", now)
        elif not check.is_cancelled:
            raise CheckDoneError(f"check {check_id} is done: {check.verdict}")
    return queries.check_for(actor, check_id)


def _stop(check: CommitCheck, reason: str, now: datetime) -> None:
    run_ids = list(check.prompts.exclude(run=None).values_list("run", flat=True))
    runs.stop_runs(run_ids=run_ids, reason=reason, now=now)
    check.is_cancelled = True
    ending.end(check, "ERROR", (reason,), now)
