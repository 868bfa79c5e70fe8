"""What a keeper does beside following: note which tokens were used, shorten the record of changes.

Any process may do it, and all do: both are safe to repeat.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.lookup.loading import Cursor, Token

#: How often they are due.
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


class Chores:
    """When which of them was done. Times are of time.monotonic."""

    def __init__(self) -> None:
        """All are due."""
        self._done_at = self._prune_at = 0.0

    def are_due(self, now: float) -> bool:
        """Whether it is time."""
        return now - self._done_at >= SECONDS

    def do(self, cursor: Cursor, tokens: Iterable[Token], now: float) -> None:
        """All of them."""
        self._done_at = now
        for token in tokens:
            if token.used_at - token.noted_at > _USE_SECONDS:
                token.noted_at = token.used_at
                cursor.execute(_NOTE_USE, [token.used_at, token.pk, token.used_at])
        if now >= self._prune_at:
            self._prune_at = now + _PRUNE_SECONDS
            cursor.execute(_PRUNE)
