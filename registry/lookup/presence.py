"""What a process tells the others: that it answers lookups, and which revision it has."""

from __future__ import annotations

import os
import socket
import uuid

from registry.lookup.loading import Cursor
from registry.queries.processes import FORGOTTEN_SECONDS

#: How often it says so when nothing changes.
HEARTBEAT_SECONDS = 5.0
_TELL = """
INSERT INTO registry_lookupprocess (id, listener, host, pid, incarnation, revision, heard_at)
VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET incarnation = excluded.incarnation, revision = excluded.revision,
                               heard_at = excluded.heard_at
"""
_LEAVE = "DELETE FROM registry_lookupprocess WHERE id = %s"
_FORGET = "DELETE FROM registry_lookupprocess WHERE heard_at < now() - make_interval(secs => %s)"


class Presence:
    """One process. Times are of time.monotonic, a stand is incarnation and revision."""

    def __init__(self, listener: str) -> None:
        """`listener` is `web` or `stream`. Nothing is told yet."""
        self._id = uuid.uuid4()
        self._told: tuple[str, int] | None = None
        self._told_at = 0.0
        self._listener = listener

    def is_news(self, stand: tuple[str, int]) -> bool:
        """Whether the others think it knows something else."""
        return stand != self._told

    def tell(self, cursor: Cursor, stand: tuple[str, int], now: float) -> None:
        """Say what it knows, where that is news or was said long ago."""
        if not self.is_news(stand) and now - self._told_at < HEARTBEAT_SECONDS:
            return
        # Asked here: a listener's application may be made before its process is.
        where = [self._listener, socket.gethostname(), os.getpid()]
        cursor.execute(_TELL, [self._id, *where, *stand])
        self._told, self._told_at = stand, now

    def leave(self, cursor: Cursor) -> None:
        """It answers nobody any more."""
        cursor.execute(_LEAVE, [self._id])


def forget_the_silent(cursor: Cursor) -> None:
    """Take away the rows of those who ended without a word."""
    cursor.execute(_FORGET, [FORGOTTEN_SECONDS])
