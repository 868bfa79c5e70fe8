"""How far the watched runs are: one look a second at all of them, whoever many watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

from django import db

from evals import queries
from evals.queries import RunProgress

_log = logging.getLogger(__name__)
_Found = TypeVar("_Found")
#: Between two looks, and the patience with a database that says nothing.
_LOOK_SECONDS, _PATIENCE_SECONDS = 1.0, 5.0
#: What asking may end with when the database does not answer.
UNANSWERED = (db.Error, TimeoutError)


class Database:
    """Answers questions of the event loop in two threads, so with two connections at most."""

    def __init__(self) -> None:
        """No thread runs yet."""
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="runs")

    async def ask(self, question: Callable[[], _Found]) -> _Found:
        """What `question` finds. Raises one of UNANSWERED, and what it raises."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await loop.run_in_executor(self._threads, _connected, question)

    def stop(self) -> None:
        """Take no more questions."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class RunWatch:
    """For the event loop's thread only. It looks for as long as somebody watches."""

    def __init__(self, database: Database) -> None:
        """Nobody watches yet."""
        self._database = database
        self._watchers: dict[UUID, set[asyncio.Event]] = {}
        self._known: dict[UUID, RunProgress] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, run_id: UUID, found: RunProgress, news: asyncio.Event) -> Iterator[None]:
        """`news` is set when the run has moved on. `found` is what its watcher has just read."""
        self._watchers.setdefault(run_id, set()).add(news)
        self._learn(run_id, found)
        if self._looking is None or self._looking.done() or self._looking.cancelling():
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self._watchers[run_id].discard(news)
            if not self._watchers[run_id]:
                del self._watchers[run_id], self._known[run_id]
            if not self._watchers:
                self._looking.cancel()

    def __getitem__(self, run_id: UUID) -> RunProgress:
        """How far a watched run is."""
        return self._known[run_id]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look_once()

    async def _look_once(self) -> None:
        runs = tuple(self._watchers)
        try:
            found = await self._database.ask(partial(queries.progress, runs))
        except UNANSWERED as error:
            # Whoever watches stays: the next look may be answered.
            _log.warning("the progress of %d runs is not known: %s", len(runs), error)
            return
        for run_id, progress in found.items():
            if run_id in self._watchers:
                self._learn(run_id, progress)

    def _learn(self, run_id: UUID, progress: RunProgress) -> None:
        if self._known.get(run_id) != progress:
            self._known[run_id] = progress
            for news in self._watchers[run_id]:
                news.set()


def _connected(question: Callable[[], _Found]) -> _Found:
    """A connection that broke is made again, as between two requests of the web listener."""
    db.close_old_connections()
    try:
        return question()
    finally:
        db.close_old_connections()
