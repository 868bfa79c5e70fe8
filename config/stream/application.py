"""The stream listener's ASGI application: guard, routes, start and end."""

from __future__ import annotations

import asyncio
import logging
import signal
from types import FrameType

from django.conf import settings

from config.fast_path import API, SEED
from config.hosts import KnownHosts, is_secure, transport_security
from config.stream.events import Events
from config.stream.feed import Feed
from config.stream.http import Answer, Handler, Receive, Request, Routes, Scope, Send, problem
from config.stream.lookups import LookupRoute, elsewhere
from config.stream.runs import RUNS, RunEvents
from config.stream.window import Window
from registry.lookup import LEASE_SECONDS, Lookups

_log = logging.getLogger(__name__)
#: It should know what is live before it accepts. One that is not ready in time, or has no database,
#: starts all the same and says 503.
_WARM_SECONDS = 10.0


class Application:
    """Made once a process; everything in it begins with the lifespan."""

    def __init__(self) -> None:
        """Nothing is open until the server starts the lifespan."""
        self._hosts = KnownHosts()
        self._transport = transport_security()
        self._window = Window()
        self._runs = RunEvents(
            self._window,
            heartbeat_seconds=settings.STREAM_HEARTBEAT_SECONDS,
            most_clients=settings.STREAM_CLIENTS,
        )
        self._lookups: Lookups | None = None
        self._routes = Routes({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(Request(scope, receive), send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        loop = asyncio.get_running_loop()
        lookups = self._lookups = Lookups("stream", Feed(self._window, loop))
        self._routes = self._table(lookups)
        lookups.start()
        await asyncio.to_thread(lookups.keeper.wait_until_warm, _WARM_SECONDS)
        # What the feed holds back is told by then.
        await asyncio.sleep(LEASE_SECONDS)
        _before_the_server(signal.SIGTERM, loop, self._window)
        _before_the_server(signal.SIGINT, loop, self._window)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(lookups.stop)
        self._runs.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _table(self, lookups: Lookups) -> Routes:
        lookup: dict[str, Handler] = {"GET": LookupRoute(lookups), "*": elsewhere}
        events = Events(
            self._window,
            lookups,
            heartbeat_seconds=settings.STREAM_HEARTBEAT_SECONDS,
            most_clients=settings.STREAM_CLIENTS,
        )
        return Routes(
            {
                "/healthz": {"GET": self._health, "HEAD": self._health},
                "/api/v1/stream": {"GET": events},
                RUNS: {"GET": self._runs},
                API: lookup,
                SEED: lookup,
            }
        )

    async def _answer(self, request: Request, send: Send) -> None:
        answer = self._refusal(request)
        if answer is None:
            answer = await self._routes.answer(request, send)
        if answer is None:
            return
        if self._transport and is_secure(request.scheme, request.header):
            answer = answer._replace(headers=[*answer.headers, self._transport])
        await answer.send(send)

    def _refusal(self, request: Request) -> Answer | None:
        """What Django's middleware would say first."""
        host = request.header("host")
        if host not in self._hosts:
            return problem(400, "bad_request", "The request cannot be understood.")
        is_open = request.path == "/healthz" or not settings.SECURE_SSL_REDIRECT
        if not is_open and not is_secure(request.scheme, request.header):
            query = f"?{request.query}" if request.query else ""
            return Answer(301, [("Location", f"https://{host}{request.raw_path}{query}")])
        return None

    async def _health(self, _request: Request, _send: Send) -> Answer:
        """200 while the database answers and what it said is known."""
        if self._lookups is not None and self._lookups.keeper.is_following:
            return Answer(200, [("Content-Type", "application/json")], b'{"status": "ok"}')
        body = b'{"status": "database unreachable"}'
        return Answer(503, [("Content-Type", "application/json")], body)


def _before_the_server(
    number: signal.Signals, loop: asyncio.AbstractEventLoop, window: Window
) -> None:
    """Let the clients go when the process is told to stop: the server waits for their ends.

    The loop hears of signals through its wake-up descriptor, whoever the handler is, so the
    server's own still comes to its turn.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(window.close)

    signal.signal(number, stop)
