"""Wait for what a server is doing, over a connection that may break."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from assay.errors import AssayApiError


class Awaited(Protocol):
    """An evaluation, or the trial of a judge."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""


T = TypeVar("T", bound=Awaited)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask, in seconds; `patience` is how long the server may be out of reach."""

    first: float = 0.25
    slowest: float = 1.0
    growth: float = 1.3
    longest_pause: float = 15.0
    patience: float = 300.0


class Watcher(Protocol):
    """Who is told how it goes."""

    def moved(self, run: Any) -> None:
        """It was looked at."""

    def lost(self, error: AssayApiError, pause: float) -> None:
        """The server did not answer; the next try is in `pause` seconds."""


def wait(
    look: Callable[[], T],
    watcher: Watcher,
    pace: Pace,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Look at something until it is over, and return it.

    Raises the AssayApiError that has lasted longer than `pace.patience`, and at once any that
    waiting cannot cure.
    """
    interval, pause, lost_since = pace.first, pace.first, None
    while True:
        try:
            run = look()
        except AssayApiError as error:
            lost_since = clock() if lost_since is None else lost_since
            if not error.is_passing or clock() - lost_since >= pace.patience:
                raise
            watcher.lost(error, pause)
            sleep(pause)
            pause = min(pause * 2, pace.longest_pause)
            continue
        pause, lost_since = pace.first, None
        watcher.moved(run)
        if run.is_over:
            return run
        sleep(interval)
        interval = min(interval * pace.growth, pace.slowest)
