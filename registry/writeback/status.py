"""How the write-back stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min

from registry.models import OutboxDelivery, WriteBack

CHANNEL = "write-back"


@dataclass(frozen=True, slots=True)
class WriteBackStatus:
    """`waiting` moves are not in the repository yet, the oldest since `waiting_since`."""

    is_on: bool
    branch: str
    waiting: int
    waiting_since: datetime | None
    #: What went wrong with the last try; empty when nothing waits.
    last_error: str
    last_commit: str
    last_at: datetime | None


def status() -> WriteBackStatus:
    """What is written back, and what waits."""
    waiting = OutboxDelivery.objects.filter(channel=CHANNEL, delivered_at=None, dead_at=None)
    counted = waiting.aggregate(count=Count("pk"), since=Min("message__created_at"))
    failed = waiting.exclude(last_error="").order_by("-next_at").first()
    last = WriteBack.objects.first()
    return WriteBackStatus(
        is_on=settings.WRITE_BACK,
        branch=settings.REPOSITORY_REF,
        waiting=counted["count"],
        waiting_since=counted["since"],
        last_error=failed.last_error if failed else "",
        last_commit=last.commit if last else "",
        last_at=last.created_at if last else None,
    )
