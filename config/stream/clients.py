"""What all who listen have in common: how their stream begins, ends, and is let go."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from config.stream.http import Answer, Headers, Receive, Request, Send, begin, problem
from config.stream.window import Window

_log = logging.getLogger(__name__)
#: Milliseconds: who loses the connection comes back at a moment of its own, so that a thousand
#: clients of a listener that was started again are no storm.
_RETRY_MS = (1_000, 5_000)
#: Heartbeats: a client that takes nothing for so long is let go.
_STUCK_HEARTBEATS = 2
_HEADERS = [
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-store, no-transform"),
    # nginx would collect an answer before it passes it on.
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
]


class Client:
    """Somebody who listens. `news` is set when there is something to look at."""

    def __init__(self, window: Window, send: Send, stuck_seconds: float) -> None:
        """Made by `streaming`."""
        self.news = window.join()
        self._window, self._send, self._stuck_seconds = window, send, stuck_seconds
        self._is_gone = False

    @property
    def is_over(self) -> bool:
        """Whether it is gone, or all have to go."""
        return self._is_gone or self._window.is_closing

    async def greet(self) -> None:
        """Say first when to come back. Raises as `tell`."""
        await self.tell(b"retry: %d\n\n" % random.randint(*_RETRY_MS))  # noqa: S311

    async def tell(self, chunk: bytes) -> None:
        """Raises TimeoutError when the client does not take it."""
        async with asyncio.timeout(self._stuck_seconds):
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def hears_within(self, seconds: float) -> bool:
        """Wait for news so long, and say whether there are any."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()
        return self.news.is_set()

    async def watch(self, receive: Receive) -> None:
        """Notice that it goes: granian takes what is sent to somebody who is gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self.news.set()

    async def end(self) -> None:
        """Say that nothing follows."""
        if not self._is_gone:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def streaming(
    window: Window, request: Request, send: Send, heartbeat_seconds: float, headers: Headers = ()
) -> AsyncIterator[Client]:
    """A stream of events, begun and, after the block, ended; who takes nothing is let go."""
    client = Client(window, send, _STUCK_HEARTBEATS * heartbeat_seconds)
    watch = asyncio.create_task(client.watch(request.receive))
    try:
        await begin(send, 200, [*_HEADERS, *headers])
        yield client
    except TimeoutError:
        _log.info("a client of the stream takes nothing and is let go")
        return
    finally:
        watch.cancel()
        window.leave(client.news)
    await client.end()


def later(code: str, detail: str) -> Answer:
    """503: there is no stream now."""
    seconds = str(random.randint(1, 5))  # noqa: S311 - only to be spread
    return problem(503, code, detail, "try again in a moment", [("Retry-After", seconds)])


def full(most_clients: int) -> Answer:
    """503: the process holds as many clients as it may."""
    return later("stream_full", f"There are {most_clients} clients already.")
