"""First contact with a repository: what it says is live becomes the first ledger entries."""

from __future__ import annotations

from collections.abc import Sequence

from registry import queries
from registry.domain.actor import SYSTEM
from registry.models.ledger import TagEvent
from registry.promotion.ledger import next_registry_revision, point_at
from registry.promotion.values import Adoption


def adopt(*, adoptions: Sequence[Adoption], commit: str, after: int = 0) -> int:
    """First contact: take over what the repository says is live. Returns how many tags.

    Part of a sync, so it joins the caller's transaction. Tags that have a history are left out.
    In bulk, because a repository may bring thousands. The registry's revision goes on behind
    `after`, the greatest that the repository remembers: what moves later is newer than all of it.
    """
    if not adoptions:
        return 0
    # Every move holds the counter until it is committed, so no history begins after this line.
    current = next_registry_revision(0)
    first = next_registry_revision(max(0, after - current)) + 1
    moved = queries.tags_with_history()
    adoptions = [one for one in adoptions if (one.prompt.name, one.tag) not in moved]
    next_registry_revision(len(adoptions))
    events = TagEvent.objects.bulk_create(
        TagEvent(
            prompt=adoption.prompt,
            tag=adoption.tag,
            sequence=1,
            kind=TagEvent.Kind.ADOPTED,
            version=adoption.version,
            model=adoption.model,
            weight=adoption.weight,
            actor=SYSTEM.name,
            role=SYSTEM.role,
            commit=commit,
            certificate=adoption.certificate,
            registry_revision=first + offset,
        )
        for offset, adoption in enumerate(adoptions)
    )
    point_at(events)
    return len(events)
