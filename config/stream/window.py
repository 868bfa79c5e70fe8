"""The newest moves, encoded once for everybody, and who waits for the next.

Nobody has a queue: each client has a position, the revision it has been told, and reads on from
there. So a client that resumes, one that is slow and one that is up to date are the same thing, and
a thousand of them need no more memory for moves than one.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from registry.lookup.moves import MOST, History, Move


class Window:
    """For the event loop's thread only."""

    def __init__(self, most: int = MOST) -> None:
        """Empty. At most twice `most` moves are held."""
        self._most = most
        self._revisions: list[int] = []
        self._frames: list[tuple[str, bytes]] = []
        self._waiting: set[asyncio.Event] = set()
        #: Whoever knows this revision can be told all that came later.
        self.known_since = 0
        #: The newest revision that is told.
        self.revision = 0
        #: Which history this is: it changes when revisions begin to mean something else.
        self.history = 0
        #: The database's, which says it to those who were away.
        self.incarnation = ""
        self.is_closing = False

    def replace(self, history: History) -> None:
        """Begin with another history."""
        self._revisions.clear()
        self._frames.clear()
        self.known_since = self.revision = history.known_since
        self.history += 1
        self.incarnation = history.incarnation
        self.add(history.moves)

    def add(self, moves: Iterable[Move]) -> None:
        """What was committed since."""
        for move in moves:
            self._revisions.append(move.revision)
            encoded = self.frame("tag.moved", move.revision, move.to_json())
            self._frames.append((move.prompt, encoded))
            self.revision = move.revision
        if len(self._revisions) > 2 * self._most:
            self.known_since = self._revisions[-self._most - 1]
            del self._revisions[: -self._most], self._frames[: -self._most]
        self.wake()

    def after(self, position: int) -> Iterator[tuple[int, str, bytes]]:
        """Revision, prompt and encoded event of each move after `position`."""
        start = bisect_right(self._revisions, position)
        for at in range(start, len(self._revisions)):
            yield self._revisions[at], *self._frames[at]

    def frame(self, event: str, revision: int, data: dict[str, object]) -> bytes:
        """One event (WHATWG HTML, 9.2.5). JSON has no line breaks, so one `data` line holds it."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self.id_of(revision)}\nevent: {event}\ndata: {text}\n\n".encode()

    def id_of(self, revision: int) -> str:
        """What a client shows to be told all that came after the revision."""
        return f"{revision}-{self.incarnation}"

    def wake(self) -> None:
        """Let everybody look at their token, and at what there is."""
        for waiting in self._waiting:
            waiting.set()

    def close(self) -> None:
        """Let everybody go."""
        self.is_closing = True
        self.wake()

    def join(self) -> asyncio.Event:
        """Somebody who waits: the event is set when there is something to look at."""
        waiting = asyncio.Event()
        self._waiting.add(waiting)
        return waiting

    def leave(self, waiting: asyncio.Event) -> None:
        """Somebody waits no more."""
        self._waiting.discard(waiting)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)
