"""How far a move got: which processes answer with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from registry import lookup, queries
from registry.queries import Reach

if TYPE_CHECKING:
    from registry.models.ledger import TagEvent

#: A process that is well has a move after milliseconds; who has not by then is called late.
_LATE_SECONDS = 2
#: While a move is news, the page looks twice a second, then now and then.
_NEWS_SECONDS, _WATCHED_SECONDS = 10, 600


@dataclass(frozen=True, slots=True)
class Reached:
    """A ledger entry, and who answers with it. `pause` is htmx's word for when to look again."""

    event: TagEvent
    reach: Reach
    is_late: bool
    pause: str
    lease_ms: int = round(1000 * lookup.LEASE_SECONDS)


def reached(event: TagEvent, now: datetime) -> Reached:
    """One query."""
    found = queries.reach(event.registry_revision)
    age = (now - event.created_at).total_seconds()
    pause = ""
    if found.others or not found.processes:
        pause = "500ms" if age < _NEWS_SECONDS else "5s" if age < _WATCHED_SECONDS else ""
    return Reached(event, found, age >= _LATE_SECONDS, pause)
