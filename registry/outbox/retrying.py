"""What was given up, and trying it once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from registry.models import OutboxDelivery, OutboxMessage
from registry.outbox.channel import Channel


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel stands: messages that wait, that were given up, and when one last arrived."""

    waiting: int = 0
    dead: int = 0
    last_arrival: datetime | None = None


def standings() -> dict[str, Standing]:
    """Of every channel that ever got a message."""
    rows = OutboxDelivery.objects.order_by().values_list("channel")
    counted = rows.annotate(
        waiting=Count("pk", filter=Q(delivered_at=None, dead_at=None)),
        dead=Count("pk", filter=Q(dead_at__isnull=False)),
        last_arrival=Max("delivered_at"),
    )
    return {name: Standing(waiting, dead, last) for name, waiting, dead, last in counted}


def deliveries(channel: str = "") -> QuerySet[OutboxDelivery]:
    """What goes or went through a channel (all of them by default), the newest first."""
    found = OutboxDelivery.objects.select_related("message").order_by("-pk")
    return found.filter(channel=channel) if channel else found


def given_up(channel: str, delivery: int | None = None) -> QuerySet[OutboxDelivery]:
    """What a channel gave up: all of it, or that one delivery."""
    dead = OutboxDelivery.objects.filter(channel=channel, dead_at__isnull=False)
    return dead if delivery is None else dead.filter(pk=delivery)


def retry(channel: Channel, *, now: datetime, delivery: int | None = None) -> int:
    """Have what was given up tried again, from the first wait on. Returns how many messages.

    A message keeps its id, so a receiver that did get it can tell; it may come after later ones.
    """
    with transaction.atomic():
        rows = given_up(channel.name, delivery).select_for_update()
        found = dict(rows.values_list("pk", "message"))
        OutboxDelivery.objects.filter(pk__in=found).update(dead_at=None, attempts=0, next_at=now)
        OutboxMessage.objects.filter(pk__in=found.values()).update(delivered_at=None)
    return len(found)
