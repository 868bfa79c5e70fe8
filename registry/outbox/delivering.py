"""Claim deliveries, make them, and note how it went."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core.errors import AssayError
from registry.models import OutboxDelivery, OutboxMessage
from registry.outbox.channel import Channel, PermanentDeliveryError

_log = logging.getLogger(__name__)
#: Of a wait, so that what failed together does not come back together.
_JITTER = 0.2
#: Seconds that a receiver may ask to be left alone. Some give a time of another unit or clock.
_LONGEST_PAUSE = 86_400.0
_ERROR_CHARS = 1000
_KILLED = "whoever delivered it did not come back"


@dataclass(frozen=True, slots=True)
class _Claim:
    id: uuid.UUID
    deliveries: tuple[OutboxDelivery, ...]


def due_channels(now: datetime) -> set[str]:
    """Channels with something to deliver now that nobody is delivering."""
    return set(_due(now).order_by().values_list("channel", flat=True).distinct())


def undelivered() -> QuerySet[OutboxDelivery]:
    """What did not arrive: it waits, or was given up."""
    return OutboxDelivery.objects.filter(delivered_at=None).select_related("message")


def deliver(channel: Channel) -> int:
    """Deliver what is due on a channel, once. Returns how many messages arrived.

    Workers beside each other take different messages. What one of them leaves when it is killed is
    due again when its claim runs out.
    """
    _bury(channel, timezone.now())
    arrived = 0
    while claim := _claim(channel, timezone.now()):
        if _try(channel, claim):
            arrived += len(claim.deliveries)
    return arrived


def _due(now: datetime) -> QuerySet[OutboxDelivery]:
    waiting = OutboxDelivery.objects.filter(delivered_at=None, dead_at=None, next_at__lte=now)
    return waiting.filter(Q(claimed_until=None) | Q(claimed_until__lte=now))


def _bury(channel: Channel, now: datetime) -> None:
    """Give up what took its last try with it: the worker was killed over it, again and again."""
    if channel.keeps_trying:
        return
    tried = Q(channel=channel.name, attempts__gt=len(channel.waits))
    with transaction.atomic():
        rows = _due(now).filter(tried).select_for_update(skip_locked=True, of=("self",))
        lost = list(rows.values_list("pk", "message"))
        OutboxDelivery.objects.filter(pk__in=[pk for pk, _ in lost]).update(
            dead_at=now, claim=None, claimed_until=None, last_error=_KILLED
        )
        _finish({message for _, message in lost}, now)


def _claim(channel: Channel, now: datetime) -> _Claim | None:
    due = _due(now).filter(channel=channel.name)
    if channel.is_ordered:
        earlier = OutboxDelivery.objects.filter(
            channel=channel.name,
            subject=OuterRef("subject"),
            id__lt=OuterRef("id"),
            delivered_at=None,
            dead_at=None,
        )
        due = due.filter(~Exists(earlier))
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True, of=("self",)).order_by("id")
        taken = list(rows.select_related("message")[: channel.batch])
        if not taken:
            return None
        claim = _Claim(uuid.uuid4(), tuple(taken))
        for delivery in taken:
            delivery.attempts += 1
            delivery.claim = claim.id
            delivery.claimed_until = now + timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
        OutboxDelivery.objects.bulk_update(taken, ["attempts", "claim", "claimed_until"])
    return claim


def _try(channel: Channel, claim: _Claim) -> bool:
    try:
        channel.deliver([delivery.message for delivery in claim.deliveries])
    except PermanentDeliveryError as error:
        _failed(channel, claim, error.message, is_permanent=True)
    except AssayError as error:
        # A receiver may say how long it wants to be left alone.
        pause = min(float(error.fields.get("retry_after", 0)), _LONGEST_PAUSE)
        _failed(channel, claim, error.message, is_permanent=False, at_least=pause)
    except Exception as error:  # noqa: BLE001 — one message must not hold up the others
        _log.exception("%s could not be delivered to %s", claim.deliveries[0], channel.name)
        _failed(channel, claim, f"{type(error).__name__}: {error}", is_permanent=False)
    else:
        _arrived(claim)
        return True
    return False


def _arrived(claim: _Claim) -> None:
    now = timezone.now()
    with transaction.atomic():
        ours = OutboxDelivery.objects.filter(claim=claim.id, delivered_at=None)
        ours.update(delivered_at=now, claim=None, claimed_until=None, last_error="")
        _finish({delivery.message_id for delivery in claim.deliveries}, now)


def _failed(
    channel: Channel, claim: _Claim, error: str, *, is_permanent: bool, at_least: float = 0.0
) -> None:
    now = timezone.now()
    with transaction.atomic():
        # Only what is still ours: a claim that ran out belongs to somebody else.
        ours = OutboxDelivery.objects.select_for_update().filter(claim=claim.id)
        rows = list(ours.order_by("id"))
        for row in rows:
            wait = None if is_permanent else channel.wait_after(row.attempts)
            row.claim, row.claimed_until = None, None
            row.last_error = error.replace("\0", "")[:_ERROR_CHARS]
            if wait is None:
                row.dead_at = now
            else:
                row.next_at = now + timedelta(seconds=_spread(max(wait, at_least)))
        OutboxDelivery.objects.bulk_update(
            rows, ["claim", "claimed_until", "last_error", "dead_at", "next_at"]
        )
        _finish({row.message_id for row in rows if row.dead_at}, now)
    dead = sum(1 for row in rows if row.dead_at)
    _log.warning("%s: %d waiting, %d given up: %s", channel.name, len(rows) - dead, dead, error)


def _spread(seconds: float) -> float:
    return seconds * (1 + random.uniform(0, _JITTER))  # noqa: S311 (no secret)


def _finish(messages: Collection[int], now: datetime) -> None:
    """Messages that no channel waits for any more are done with."""
    waiting = OutboxDelivery.objects.filter(message=OuterRef("pk"), delivered_at=None, dead_at=None)
    OutboxMessage.objects.filter(~Exists(waiting), pk__in=messages, delivered_at=None).update(
        delivered_at=now
    )
