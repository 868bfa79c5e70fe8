"""Raise and resolve alarms: one rings once, and stops by itself when its cause is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from registry.domain.storable import storable
from registry.models import MirrorAlarm

Kind = MirrorAlarm.Kind


def raise_alarm(kind: MirrorAlarm.Kind, subject: str, message: str, commit: str = "") -> None:
    """Ring. The same alarm goes on ringing with the newest message."""
    subject, message = _subject(subject), storable(message)
    ringing = MirrorAlarm.objects.filter(kind=kind.value, subject=subject, resolved_at=None)
    if not ringing.update(message=message, commit=commit):
        _raise_all(kind, {subject: message}, commit)


def settle(
    kind: MirrorAlarm.Kind,
    messages: Mapping[str, str],
    commit: str,
    now: datetime,
    among: Collection[str] | None = None,
) -> None:
    """Let exactly these subjects ring for `kind`: raise the new ones, resolve all others, or those
    `among` the subjects given. What goes on ringing says why it does now.
    """
    wanted = {_subject(subject): storable(message) for subject, message in messages.items()}
    resolve((kind,), now, keep=wanted.keys(), among=among)
    if wanted:
        _reword(kind, wanted, commit)
        _raise_all(kind, wanted, commit)


def resolve(
    kinds: Collection[MirrorAlarm.Kind],
    now: datetime,
    keep: Collection[str] = (),
    among: Collection[str] | None = None,
) -> None:
    """Stop the alarms of these kinds, except those about `keep`; with `among`, only about these."""
    ringing = MirrorAlarm.objects.filter(kind__in=[kind.value for kind in kinds], resolved_at=None)
    if among is not None:
        ringing = ringing.filter(subject__in=[_subject(subject) for subject in among])
    ringing.exclude(subject__in=list(keep)).update(resolved_at=now)


def _reword(kind: MirrorAlarm.Kind, messages: Mapping[str, str], commit: str) -> None:
    ringing = MirrorAlarm.objects.filter(kind=kind.value, resolved_at=None)
    changed = [
        alarm
        for alarm in ringing.filter(subject__in=list(messages))
        if alarm.message != messages[alarm.subject]
    ]
    for alarm in changed:
        alarm.message, alarm.commit = messages[alarm.subject], commit
    MirrorAlarm.objects.bulk_update(changed, ["message", "commit"], batch_size=1000)


def _raise_all(kind: MirrorAlarm.Kind, messages: Mapping[str, str], commit: str) -> None:
    MirrorAlarm.objects.bulk_create(
        [
            MirrorAlarm(kind=kind.value, subject=subject, message=message, commit=commit)
            for subject, message in messages.items()
        ],
        batch_size=1000,
        ignore_conflicts=True,
    )


def _subject(text: str) -> str:
    return storable(text)[:1000]
