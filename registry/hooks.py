"""Webhooks of Git hosts: let in once, and turned into a wake-up."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from kombu.exceptions import OperationalError

from registry import outbox
from registry.domain.webhook_event import ProposalNews, RerunNews
from registry.models import HookDelivery

SYNC = "registry.sync"
#: Whoever repeats a webhook later than that rings once more, and that does no harm.
_KEPT = timedelta(hours=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook whose signature is right. `delivery` is the host's id of it; empty: it has none."""

    host: str
    delivery: str
    body: bytes
    #: Signed with the body by hosts that sign a time; empty for others.
    signed_at: str = ""


def is_new(received: Received) -> bool:
    """Remember a webhook. False when it, or one with the same body, was received a while ago."""
    content = hashlib.sha256(received.signed_at.encode() + b"." + received.body).hexdigest()
    try:
        with transaction.atomic():
            HookDelivery.objects.create(
                host=received.host, delivery=received.delivery[:255] or content, content=content
            )
    except IntegrityError:
        return False
    return True


def note_proposal(received: Received, news: ProposalNews) -> bool:
    """Have the pull request looked at soon, at its host. False when this was received already."""
    topic, subject = outbox.Topic.PROPOSAL_CHANGED, f"pull request {news.number}"
    return _noted(received, topic, subject, asdict(news))


def note_rerun(received: Received, news: RerunNews) -> bool:
    """Have a commit checked anew soon. False when this was received already."""
    topic, subject = outbox.Topic.CHECK_REREQUESTED, f"commit {news.head}"
    return _noted(received, topic, subject, asdict(news))


def _noted(received: Received, topic: outbox.Topic, subject: str, news: dict[str, Any]) -> bool:
    with transaction.atomic():
        if not is_new(received):
            return False
        outbox.tell(topic, subject, news)
    return True


def ring_sync() -> bool:
    """Have the repository followed soon. False without a broker: the next poll does it then."""
    try:
        current_app.send_task(SYNC, expires=settings.REPOSITORY_POLL_SECONDS)
    except OperationalError as error:
        _log.warning("no broker to ring a sync: %s", type(error).__name__)
        return False
    return True


def forget_received(*, now: datetime) -> int:
    """Drop what no host repeats any more. Returns how many."""
    return HookDelivery.objects.filter(received_at__lt=now - _KEPT).delete()[0]
