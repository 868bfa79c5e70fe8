"""Forget what has long been passed on."""

from __future__ import annotations

from datetime import datetime, timedelta

from registry.models import OutboxDelivery, OutboxMessage

_KEPT = timedelta(days=30)


def forget_delivered(*, now: datetime) -> int:
    """Delete what was passed on a month ago, and say how much. What was given up stays."""
    dead = OutboxDelivery.objects.exclude(dead_at=None).values("message")
    old = OutboxMessage.objects.filter(delivered_at__lt=now - _KEPT).exclude(pk__in=dead)
    return old.delete()[1].get("registry.OutboxMessage", 0)
