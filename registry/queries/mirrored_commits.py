"""The mirror: where it stands, its last attempts, what rings about it."""

from __future__ import annotations

from django.db.models import (
    Count,
    QuerySet,
)

from registry.models import (
    MirrorAlarm,
    MirrorState,
    SyncRun,
)


def mirror() -> MirrorState | None:
    """The mirror's state; None before the first sync."""
    return MirrorState.objects.first()


def last_sync() -> SyncRun | None:
    """The last attempt to follow the repository."""
    return SyncRun.objects.prefetch_related("findings").first()


def syncs() -> QuerySet[SyncRun]:
    """Attempts to follow the repository, newest first, with how many findings each has."""
    return SyncRun.objects.annotate(finding_count=Count("findings"))


def open_alarms() -> QuerySet[MirrorAlarm]:
    """Alarms nobody resolved yet."""
    return MirrorAlarm.objects.filter(resolved_at=None)
