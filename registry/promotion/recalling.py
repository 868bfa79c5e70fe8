"""First contact with a repository that tells its ledger: every chain of moves as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import connection

from registry import queries
from registry.models.ledger import Release, TagEvent
from registry.promotion.ledger import next_registry_revision, point_at
from registry.promotion.values import RecalledMove

_BATCH = 1000
_FRESH_IDS = """
SELECT nextval(pg_get_serial_sequence('registry_tagevent', 'id')) FROM generate_series(1, %s)
"""


def recall(moves: Sequence[RecalledMove]) -> int:
    """First contact: write the moves that the repository tells, in their order. Returns how many.

    `moves` are by revision, and a rollback restores an earlier one of its own tag. Part of a sync,
    so it joins the caller's transaction. Tags that have a history are left out. The registry's
    revision goes on behind the last one: what moves later is newer than all of it.
    """
    if not moves:
        return 0
    # Every move holds the counter until it is committed, so no history begins after this line.
    counted = next_registry_revision(0)
    next_registry_revision(moves[-1].revision)
    taken = queries.tags_with_history()
    moves = [move for move in moves if (move.prompt.name, move.tag) not in taken]
    releases = _releases(moves)
    newest: dict[tuple[str, str], TagEvent] = {}
    events: dict[int, TagEvent] = {}
    for id_, move in zip(_fresh_ids(len(moves)), moves, strict=True):
        key = move.prompt.name, move.tag
        event = _event(id_, move, newest.get(key))
        event.registry_revision = counted + move.revision
        event.restores = events[move.restores] if move.restores else None
        event.release = releases[move.release] if move.release else None
        events[move.revision] = newest[key] = event
    # The order of the rows is that of the moves: the database looks at each one's predecessor.
    TagEvent.objects.bulk_create(events.values(), batch_size=_BATCH)
    point_at(sorted(newest.values(), key=lambda event: event.registry_revision))
    return len(events)


def _event(id_: int, move: RecalledMove, previous: TagEvent | None) -> TagEvent:
    return TagEvent(
        id=id_,
        prompt=move.prompt,
        tag=move.tag,
        sequence=previous.sequence + 1 if previous else 1,
        previous=previous,
        kind=move.entry.kind,
        version=move.entry.version,
        model=move.entry.model,
        weight=move.entry.weight,
        actor=move.actor,
        role=move.role,
        reason=move.entry.reason,
        certificate=move.entry.certificate,
        commit=move.commit,
        created_at=move.at,
    )


def _releases(moves: Sequence[RecalledMove]) -> Mapping[int, Release]:
    """A row for each release, by the revision it is told by."""
    first = {move.release: move for move in reversed(moves) if move.release is not None}
    made = Release.objects.bulk_create(
        Release(actor=move.actor, reason=move.entry.reason, created_at=move.at)
        for move in first.values()
    )
    return dict(zip(first, made, strict=True))


def _fresh_ids(count: int) -> list[int]:
    """Entries name each other, so their ids are taken before they are written."""
    with connection.cursor() as cursor:
        cursor.execute(_FRESH_IDS, [count])
        return [int(row[0]) for row in cursor.fetchall()]
