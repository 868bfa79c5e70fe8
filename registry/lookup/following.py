"""What a keeper tells those who read more than it does."""

from __future__ import annotations

from typing import Protocol

from registry.lookup.loading import Changes, Cursor


class Follower(Protocol):
    """Somebody who reads on when the keeper does: in its thread, with its connection.

    What it raises counts as a connection that broke: it is told again on a new one.
    """

    def connected(self, cursor: Cursor) -> None:
        """The database may be another than before, or one put back to an earlier state."""

    def looked(self, cursor: Cursor, found: Changes) -> None:
        """A look was answered, and the snapshot knows what to doubt."""
