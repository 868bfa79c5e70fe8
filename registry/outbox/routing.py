"""Decide which channels get a message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from registry.models import OutboxDelivery, OutboxMessage
from registry.outbox.channel import Channel

_BATCH = 1000


def route(channels: Sequence[Channel], now: datetime) -> int:
    """Hand every new message to the channels that want it. Returns how many messages.

    What no channel wants is done with. Routers beside each other take different messages.
    """
    routed = 0
    while fresh := _route_batch(channels, now):
        routed += fresh
    return routed


def _route_batch(channels: Sequence[Channel], now: datetime) -> int:
    with transaction.atomic():
        waiting = OutboxMessage.objects.select_for_update(skip_locked=True).filter(routed_at=None)
        messages = list(waiting.order_by("id")[:_BATCH])
        wanted = [
            OutboxDelivery(
                message=message, channel=channel.name, subject=message.subject, next_at=now
            )
            for message in messages
            for channel in channels
            if message.topic in channel.topics
        ]
        OutboxDelivery.objects.bulk_create(wanted)
        ids = [message.pk for message in messages]
        OutboxMessage.objects.filter(pk__in=ids).update(routed_at=now)
        idle = set(ids) - {delivery.message_id for delivery in wanted}
        OutboxMessage.objects.filter(pk__in=idle).update(delivered_at=now)
    return len(messages)
