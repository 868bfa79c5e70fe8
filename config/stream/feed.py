"""From the keeper's thread to the event loop: moves, and that tokens changed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from config.stream.window import Window
from registry.lookup import LEASE_SECONDS
from registry.lookup.loading import Changes, Cursor
from registry.lookup.moves import Ledger


class Feed:
    """Follows a keeper, and tells a window what the ledger says.

    What it learns it holds back for as long as a process may answer from what it knew before. So
    when a client hears of a move, every process serves it, and asking at once is safe.
    """

    def __init__(self, window: Window, loop: asyncio.AbstractEventLoop) -> None:
        """`window` is touched in `loop` only."""
        self._window, self._loop = window, loop
        self._ledger = Ledger()
        self._has_begun = False
        #: Of the look that was read up to.
        self._revision: int | None = None
        self._held: deque[Callable[[], None]] = deque()

    def connected(self, cursor: Cursor) -> None:
        """Go on where the last connection ended, if it is the same history."""
        self._revision = None
        if self._has_begun and self._ledger.is_the_same(cursor):
            return
        self._hold(partial(self._window.replace, self._ledger.newest(cursor)))
        self._has_begun = True

    def looked(self, cursor: Cursor, found: Changes) -> None:
        """Read what moved since; a token's end is told at once."""
        if found.everything or found.incarnation != self._ledger.incarnation:
            self.connected(cursor)
        if found.tokens:
            self._loop.call_soon_threadsafe(self._window.wake)
        if found.revision == self._revision:
            return
        while moves := self._ledger.later(cursor):
            self._hold(partial(self._window.add, moves))
        self._revision = found.revision

    def _hold(self, told: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(self._schedule, told)

    def _schedule(self, told: Callable[[], None]) -> None:
        self._held.append(told)
        self._loop.call_later(LEASE_SECONDS, self._tell)

    def _tell(self) -> None:
        """Each timer lets the oldest go, so that the order holds whatever timers do."""
        self._held.popleft()()
