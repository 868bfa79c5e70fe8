"""Where a tag points, as pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry import lookup, queries

if TYPE_CHECKING:
    from registry.models.ledger import TagEvent


@dataclass(frozen=True, slots=True)
class Pointer:
    """A tag's newest entry. `overridden`: it stands on an override, maybe by way of a rollback."""

    event: TagEvent
    proven: bool
    overridden: bool


def pointer(event: TagEvent | None) -> Pointer | None:
    """None for a tag that points nowhere."""
    if event is None or event.version_id is None:
        return None
    # A rollback to an override is as loud as the override.
    overridden = queries.evidence_of(event).kind == "overridden"
    return Pointer(event, lookup.is_proven(event), overridden)
