"""The answers kept for repeated writes."""

from __future__ import annotations

from datetime import datetime, timedelta

from registry.models import IdempotencyRecord

#: A client that repeats a write does so in minutes; a week covers a weekend.
_ANSWERS_KEPT = timedelta(days=7)


def forget_answers(*, now: datetime) -> int:
    """Drop saved answers of writes after a week; their keys can be used again. Returns how many."""
    dropped, _ = IdempotencyRecord.objects.filter(created_at__lt=now - _ANSWERS_KEPT).delete()
    return dropped
