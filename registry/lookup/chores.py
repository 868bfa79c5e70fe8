"""What a keeper does beside following: note which tokens were used, shorten the record of changes,
say that it is there and what it knows.

Any process may do it, and all do: everything is safe to repeat. Lookups do not hang on any of it.
"""

from __future__ import annotations

import logging

from django.db import DatabaseError

from registry.lookup.loading import Cursor
from registry.lookup.presence import Presence, forget_the_silent
from registry.lookup.snapshot import Snapshot

_log = logging.getLogger(__name__)

#: How often they are due, when there is no news.
SECONDS = 1.0
_PRUNE_SECONDS = 600.0
_PRUNE = "DELETE FROM registry_servedchange WHERE at < now() - interval '1 hour'"
_NOTE_USE = """
UPDATE registry_apitoken SET last_used_at = to_timestamp(%s)
 WHERE id = %s AND (last_used_at IS NULL OR last_used_at < to_timestamp(%s) - interval '1 minute')
"""
_NOTE_PLACE = """
UPDATE registry_registrystate
   SET incarnation = registry_new_incarnation(incarnation), place = registry_place()
 WHERE place <> registry_place()
"""
#: A token's last use is kept to the minute, as everywhere.
_USE_SECONDS = 60.0


def note_place(cursor: Cursor) -> None:
    """Let the database be another incarnation when it is elsewhere than it was (migration 0018)."""
    cursor.execute(_NOTE_PLACE)


def first_line(error: Exception) -> str:
    """What a database says, without where in the statement."""
    return str(error).partition("\n")[0]


class Chores:
    """When which of them was done. Times are of time.monotonic."""

    def __init__(self, presence: Presence) -> None:
        """All are due."""
        self._presence = presence
        self._done_at = self._prune_at = 0.0
        self._has_failed = False

    def are_due(self, snapshot: Snapshot, now: float) -> bool:
        """Whether it is time, or there is news that others want to have."""
        is_news = self._presence.is_news(snapshot.stand) and not snapshot.is_doubtful
        return now - self._done_at >= SECONDS or (is_news and not self._has_failed)

    def do(self, cursor: Cursor, snapshot: Snapshot, now: float) -> None:
        """All of them. A database that takes no notes (full, read-only) is not one that is down."""
        self._done_at = now
        try:
            self._do(cursor, snapshot, now)
        except DatabaseError as error:
            if cursor.connection.closed:
                raise
            if not self._has_failed:
                _log.warning("the database takes no notes: %s", first_line(error))
            self._has_failed = True
        else:
            self._has_failed = False

    def end(self, cursor: Cursor) -> None:
        """Say good-bye."""
        self._presence.leave(cursor)

    def _do(self, cursor: Cursor, snapshot: Snapshot, now: float) -> None:
        self._presence.tell(cursor, snapshot.stand, now)
        for token in snapshot.tokens.values():
            if token.used_at - token.noted_at > _USE_SECONDS:
                token.noted_at = token.used_at
                cursor.execute(_NOTE_USE, [token.used_at, token.pk, token.used_at])
        if now >= self._prune_at:
            self._prune_at = now + _PRUNE_SECONDS
            cursor.execute(_PRUNE)
            forget_the_silent(cursor)
