"""Slow requests are few at a time, so that the quick ones find a thread (P6).

A web process has a handful of threads. A sync waits for a remote, a rendering for a child process;
without a limit some of those at once would keep lookups and rollbacks waiting. The limits hold for
each web process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import UnavailableError

_RETRY_SECONDS = 2


class BusyError(UnavailableError):
    """The server does as many of these as it does at a time."""

    code = "busy"
    hint = "try again in a moment"


class Slots:
    """Room for `most` requests of one kind at a time; one more is turned away, never queued."""

    def __init__(self, most: int, what: str) -> None:
        self.most = most
        self.what = what
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot for the block. Raises BusyError at once when all are taken."""
        if not self._free.acquire(blocking=False):
            raise BusyError(
                f"this server is at work on {self.most} {self.what} already",
                retry_after_seconds=_RETRY_SECONDS,
            )
        try:
            yield
        finally:
            self._free.release()


SYNCS = Slots(1, "sync")
RENDERINGS = Slots(2, "renderings")
COMMITS = Slots(2, "lookups by commit")
BUNDLES = Slots(2, "bundles")
#: An answer of a model may take a minute.
TRIES = Slots(1, "answer of a model")
