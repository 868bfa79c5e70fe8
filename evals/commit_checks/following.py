"""A Git host rang about a pull request, or a check of one: look at it there, and check what it
proposes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from evals.commit_checks.ending import CONTEXT
from evals.commit_checks.requesting import Proposal, close_pull_request, request_check
from evals.models import CommitCheck
from registry import githost
from registry.domain.actor import Actor, Scope
from registry.githost import HostRefusedError, PullRequest
from registry.models import OutboxMessage
from registry.outbox import PermanentDeliveryError, Topic

_log = logging.getLogger(__name__)
_GONE = 404


def follow_proposals(messages: Sequence[OutboxMessage]) -> None:
    """Check the newest commit of the pull request that a message is about, or check a commit anew.
    Safe twice.

    The message is a wake-up: what counts is what the host says now. Raises HostFailedError,
    HostRefusedError; PermanentDeliveryError when there is no such pull request.
    """
    [message] = messages
    if message.topic == Topic.CHECK_REREQUESTED:
        _check_again(message)
        return
    try:
        found = githost.configured().pull_request(message.payload["number"])
    except HostRefusedError as error:
        if error.status == _GONE:
            raise PermanentDeliveryError(error.message) from error
        raise
    if not found.is_open or found.branch != settings.REPOSITORY_REF:
        close_pull_request(number=found.number, now=timezone.now())
        return
    wanted_at = message.created_at if _is_let_in(found, message.payload) else None
    is_held = found.is_fork and wanted_at is None
    with transaction.atomic():
        if not _was_checked(found, is_held=is_held, wanted_at=wanted_at):
            _request(found, is_held=is_held)


def _check_again(message: OutboxMessage) -> None:
    """Somebody wants a commit checked anew, in every pull request that it is still the head of."""
    head = message.payload["head"]
    if message.payload["check"] not in ("", CONTEXT):
        return
    checked = CommitCheck.objects.filter(head=head).exclude(pull_request=None)
    numbers = {*message.payload["numbers"], *checked.values_list("pull_request", flat=True)}
    for number in sorted(numbers):
        try:
            found = githost.configured().pull_request(number)
        except HostRefusedError as error:
            if error.status != _GONE:
                raise
            continue
        if found.is_open and found.branch == settings.REPOSITORY_REF and found.head == head:
            _request_again(found, message.created_at)


def _request_again(found: PullRequest, asked_at: datetime) -> None:
    """Once for each time that it was asked: a check that went on then, or came later, answers it,
    also if somebody cancelled it. Who let a fork's commit in before did so for good.
    """
    checks = CommitCheck.objects.filter(pull_request=found.number, head=found.head)
    answers = Q(finished_at=None) | Q(finished_at__gte=asked_at)
    with transaction.atomic():
        if not checks.filter(answers, Q(is_cancelled=False) | ~Q(cancelled_by="")).exists():
            is_held = found.is_fork and not checks.filter(is_held=False).exists()
            _request(found, is_held=is_held)


def _is_let_in(found: PullRequest, news: dict[str, Any]) -> bool:
    """A maintainer has set the label on just this commit. A label that was there before the last
    push says nothing about what was pushed.
    """
    label = settings.CHECK_LABEL
    return label in news["labels"] and label in found.labels and news["head"] == found.head


def _was_checked(found: PullRequest, *, is_held: bool, wanted_at: datetime | None) -> bool:
    """Whether nothing is new: labels and titles change more often than commits. What somebody
    cancelled stays so, unless the label that lets commits in was set after that (`wanted_at`).
    """
    checks = CommitCheck.objects.filter(pull_request=found.number, head=found.head)
    if not is_held:
        checks = checks.filter(is_held=False)
    newest = checks.order_by("-created_at").first()
    if newest is not None and newest.cancelled_by and newest.finished_at is not None:
        return wanted_at is None or newest.finished_at >= wanted_at
    return checks.filter(is_cancelled=False).exists()


def _request(found: PullRequest, *, is_held: bool) -> None:
    proposal = Proposal(
        head=found.head,
        base=found.base,
        pull_request=found.number,
        title=found.title,
        is_held=is_held,
    )
    actor = Actor(f"git:pull request {found.number}", frozenset({Scope.EVALUATE}))
    check = request_check(proposal=proposal, model=None, actor=actor, now=timezone.now())
    _log.info("pull request %d: check %s of %s", found.number, check.pk, found.head)
