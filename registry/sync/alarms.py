"""Raise and resolve alarms: one rings once, and stops by itself when its cause is gone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from registry.models import MirrorAlarm

Kind = MirrorAlarm.Kind


def raise_alarm(kind: MirrorAlarm.Kind, subject: str, message: str, commit: str = "") -> None:
    """Ring, unless the same alarm rings already."""
    MirrorAlarm.objects.bulk_create(
        [MirrorAlarm(kind=kind.value, subject=subject[:1000], message=message, commit=commit)],
        ignore_conflicts=True,
    )


def settle(kind: MirrorAlarm.Kind, messages: dict[str, str], commit: str, now: datetime) -> None:
    """Let exactly these subjects ring for `kind`: raise the new ones, resolve all others."""
    resolve((kind,), now, keep=messages.keys())
    for subject, message in messages.items():
        raise_alarm(kind, subject, message, commit)


def resolve(kinds: Collection[MirrorAlarm.Kind], now: datetime, keep: Collection[str] = ()) -> None:
    """Stop the alarms of these kinds, except those about `keep`."""
    MirrorAlarm.objects.filter(kind__in=[kind.value for kind in kinds], resolved_at=None).exclude(
        subject__in=list(keep)
    ).update(resolved_at=now)
