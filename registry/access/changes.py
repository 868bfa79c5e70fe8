"""The history of who may do what: written in the transaction of each change, and read again."""

from __future__ import annotations

from django.db.models import QuerySet

from registry.models import AccessEvent


def record(kind: AccessEvent.Kind, *, subject: str, actor: str, told: str = "") -> None:
    """Write one entry. Joins the transaction; `told` must hold no secret."""
    AccessEvent.objects.create(kind=kind, subject=subject, actor=actor, told=told)


def access_events(*, kind: str = "", subject: str = "", actor: str = "") -> QuerySet[AccessEvent]:
    """What was changed, newest first; only what is wanted."""
    wanted = {"kind": kind, "subject": subject, "actor": actor}
    return AccessEvent.objects.filter(**{field: value for field, value in wanted.items() if value})
