"""Write the ledger: lock a tag, append an entry, step the tag to it.

It asks for no evidence: whoever calls it must have found that. So nobody outside this folder may
import it (import contract), and the database checks every entry again.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import IntegrityError, connection, transaction

from registry import outbox, queries
from registry.domain.actor import Actor
from registry.errors import NotCertifiedError, RevisionConflictError
from registry.models import Prompt
from registry.models.ledger import Release, Tag, TagEvent
from registry.promotion.values import Entry, TagMove


def durable() -> bool:
    """Outside tests each move is its own transaction, never part of a larger one."""
    return not connection.in_atomic_block


def locked(prompt: Prompt, tag: str, expected_revision: int | None) -> Tag | None:
    """The tag's row, locked until the transaction ends; None when it was never set.

    Raises RevisionConflictError when the tag is not at `expected_revision` (None: whatever it is).
    """
    # Without a join: after waiting for the lock PostgreSQL looks at the row again, and a join
    # would not find the entry that the winner has just written.
    # The table's own order would join the prompt, and lock its row against every sync.
    found = Tag.objects.select_for_update(of=("self",)).filter(prompt=prompt, name=tag)
    live = found.order_by("pk").first()
    revision = live.revision if live else 0
    if expected_revision is not None and expected_revision != revision:
        raise _conflict(prompt.name, tag, revision)
    return live


def append(prompt: Prompt, tag: str, live: Tag | None, entry: Entry, actor: Actor) -> TagMove:
    """Write the ledger entry, step the tag to it, and leave a message for the outside world.

    Raises RevisionConflictError, and NotCertifiedError when the database refuses the evidence.
    """
    previous = live.event if live else None
    try:
        # The savepoint keeps the caller's transaction usable when somebody else set this tag for
        # the first time: there was no row to lock then.
        with transaction.atomic():
            event = TagEvent.objects.create(
                prompt=prompt,
                tag=tag,
                sequence=previous.sequence + 1 if previous else 1,
                previous=previous,
                kind=entry.kind,
                version=entry.version,
                model=entry.model,
                weight=entry.weight,
                actor=actor.name,
                role=actor.role,
                reason=entry.reason,
                certificate=entry.certificate,
                restores=entry.restores,
                release=entry.release,
                registry_revision=next_registry_revision(),
            )
            if live is None:
                Tag.objects.create(prompt=prompt, name=tag, event=event, revision=event.sequence)
            else:
                live.event, live.revision = event, event.sequence
                live.save(update_fields=["event", "revision"])
    except IntegrityError as error:
        if "event_sequence_once" in str(error):
            raise _conflict(prompt.name, tag, queries.tag_revision(prompt, tag)) from error
        if "the certificate" in str(error):
            # The database looked again and saw what changed since we looked.
            raise NotCertifiedError(
                f"{entry.version} cannot carry {tag}: {_first_line(error)}",
                prompt=prompt.name,
                tag=tag,
                version=entry.version.number if entry.version else None,
                model=entry.model.name if entry.model else None,
                reasons=[_first_line(error)],
            ) from error
        raise
    outbox.tell(outbox.Topic.TAG_MOVED, f"{prompt.name}:{tag}", {"event": event.pk})
    return TagMove(event, previous, entry.warnings)


def point_at(events: Collection[TagEvent]) -> None:
    """Set tags that were never set at the newest entries of what came with the repository."""
    Tag.objects.bulk_create(
        Tag(prompt=event.prompt, name=event.tag, event=event, revision=event.sequence)
        for event in events
    )
    outbox.tell_all(
        outbox.Fact(outbox.Topic.TAG_MOVED, f"{event.prompt.name}:{event.tag}", {"event": event.pk})
        for event in events
    )


def open_release(actor: Actor, reason: str) -> Release:
    """What several entries of one transaction belong to."""
    return Release.objects.create(actor=actor.name, reason=reason)


def next_registry_revision(moves: int = 1) -> int:
    """Count moves. The row lock makes the order of numbers that of commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO registry_registrystate (id, revision) VALUES (1, %s) "
            "ON CONFLICT (id) DO UPDATE "
            "SET revision = registry_registrystate.revision + EXCLUDED.revision "
            "RETURNING revision",
            [moves],
        )
        return int(cursor.fetchone()[0])


def _conflict(prompt: str, tag: str, revision: int) -> RevisionConflictError:
    return RevisionConflictError(
        f"{prompt}:{tag} is at revision {revision} by now",
        prompt=prompt,
        tag=tag,
        revision=revision,
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
