"""How many requests may be on their way at once: as many as declared, fewer while the server balks.

Additive increase, multiplicative decrease, as in TCP: an overloaded server halves the number, every
whole round of successes brings one back. One seat always stays, so that work goes on.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

from serving.errors import ModelUnavailableError

#: The statuses by which a server says: too much at once.
OVERLOADED = frozenset({429, 503})


class Pace:
    """The number itself, without a clock or a loop. Times are seconds of one clock of the caller.

    A round is what was sent between two halvings: however many of its requests are turned away,
    they are one complaint about one number.
    """

    def __init__(self, ceiling: int, *, longest_pause_seconds: float = 60.0) -> None:
        """Start at `ceiling`, at least 1. No server keeps us waiting longer than the pause."""
        self.ceiling = ceiling
        self.limit = ceiling
        self.longest_pause_seconds = longest_pause_seconds
        self.resume_at = -math.inf
        self._round = 0
        self._successes = 0

    def sent(self) -> int:
        """A request is sent now; bring this round back with what became of it."""
        return self._round

    def succeeded(self, sent_in: int) -> None:
        """As many successes as there are seats bring one seat back. Old rounds prove nothing."""
        if sent_in != self._round or self.limit == self.ceiling:
            return
        self._successes += 1
        if self._successes >= self.limit:
            self.limit, self._successes = self.limit + 1, 0

    def balked(self, sent_in: int, now: float, retry_after_seconds: float | None = None) -> None:
        """Half of the seats, if this is the first complaint of the newest round; and nothing new
        is sent before the moment the server asked for.
        """
        if sent_in == self._round:
            self.limit, self._successes = max(1, self.limit // 2), 0
            self._round += 1
        pause = min(retry_after_seconds or 0.0, self.longest_pause_seconds)
        self.resume_at = max(self.resume_at, now + pause)

    def pause_seconds(self, now: float) -> float:
        """Seconds until something may be sent again, 0 when it may be now."""
        return max(0.0, self.resume_at - now)


class Seats:
    """A semaphore whose size follows a Pace. For one event loop. The lowest place comes first, and
    of one place who came first.
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.taken = 0
        self._waiting: list[tuple[int, int, asyncio.Future[int], Callable[[], None] | None]] = []
        self._came = count()
        self._alarm: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def seat(
        self, place: int = 0, on_seated: Callable[[], None] | None = None
    ) -> AsyncIterator[None]:
        """Wait for a seat and hold it. How the body ends tells what the server can take.

        `on_seated`, which must not raise, is called in the very turn of the loop in which the seat
        is free. The body may begin some turns later, for which a model would have nothing to do.
        """
        sent_in = await self._sit_down(place, on_seated)
        try:
            yield
        except ModelUnavailableError as error:
            if error.status in OVERLOADED:
                self.pace.balked(sent_in, _now(), error.retry_after_seconds)
            raise
        else:
            self.pace.succeeded(sent_in)
        finally:
            self._stand_up()

    async def _sit_down(self, place: int, on_seated: Callable[[], None] | None) -> int:
        """The round in which what is sent now is sent."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (place, next(self._came), turn, on_seated))
        self._call()
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # called and cancelled in the same moment
                self._stand_up()
            raise

    def _stand_up(self) -> None:
        self.taken -= 1
        self._call()

    def _call(self) -> None:
        """Call those who wait to the free seats. After a pause this calls itself."""
        pause = self.pace.pause_seconds(_now()) if self._waiting else 0.0
        if pause > 0.0:
            self._call_in(pause)
            return
        while self._waiting and self.taken < self.pace.limit:
            *_, turn, on_seated = heappop(self._waiting)
            if not turn.done():  # else it was cancelled while it waited
                self.taken += 1
                turn.set_result(self.pace.sent())
                if on_seated is not None:
                    on_seated()

    def _call_in(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._call)


def _now() -> float:
    return asyncio.get_running_loop().time()
