"""GET /api/v1/stream: moves of tags as Server-Sent Events (docs/reference/stream.md).

A client is told every move after the revision that it has, once and in their order, or it is told
`reset`: then something may have passed it by, and what it holds it should fetch again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress

from config.stream.http import Answer, Receive, Request, Send, begin, problem
from config.stream.prompts import StreamQueryError, asked
from config.stream.reader import Reader
from config.stream.window import Window
from registry.access import token_digest
from registry.lookup import Freshness, Lookups
from registry.lookup.loading import Token

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


class Events:
    """The route's handler."""

    def __init__(
        self, window: Window, lookups: Lookups, *, heartbeat_seconds: float, most_clients: int
    ) -> None:
        """`lookups` knows the tokens. Clients beyond `most_clients` are turned away for a while."""
        self._window, self._lookups = window, lookups
        self._heartbeat_seconds, self._most_clients = heartbeat_seconds, most_clients

    async def __call__(self, request: Request, send: Send) -> Answer | None:
        """Stream until somebody ends it."""
        digest = token_digest(request.bearer() or "")
        if refusal := await self._refusal(digest):
            return refusal
        try:
            prompts, last_id = asked(request.query)
        except StreamQueryError as error:
            return problem(400, error.code, error.message, error.hint)
        # The header is the newer one: who reconnects sends it to the address it began with.
        reader = Reader(self._window, prompts, request.header("last-event-id") or last_id)
        await self._serve(reader, lambda: self._lookups.snapshot.tokens.get(digest), request, send)
        return None

    async def _refusal(self, digest: str) -> Answer | None:
        """Why the token opens no stream; the database has been asked by then."""
        keeper, tokens = self._lookups.keeper, self._lookups.snapshot.tokens
        if not keeper.is_current or _refused(tokens.get(digest)):
            # It may have been made a moment ago.
            freshness = await asyncio.to_thread(keeper.look_again)
            tokens = self._lookups.snapshot.tokens
            is_known = freshness is Freshness.CURRENT or digest in tokens
            if freshness is Freshness.UNSURE or not is_known:
                return _later("stream_not_ready", "The listener does not know who may listen.")
        if refusal := _refused(tokens.get(digest)):
            return refusal
        if len(self._window) >= self._most_clients:
            return _later("stream_full", f"There are {self._most_clients} clients already.")
        return None

    async def _serve(
        self,
        reader: Reader,
        token_now: Callable[[], Token | None],
        request: Request,
        send: Send,
    ) -> None:
        news, gone = self._window.join(), asyncio.Event()
        self._lookups.keeper.is_watched = True
        watch = asyncio.create_task(_until_gone(request.receive, gone, news))
        try:
            await begin(send, 200, _HEADERS)
            await self._pass_on(send, _retry())
            while not (gone.is_set() or self._window.is_closing):
                news.clear()
                token = token_now()
                now = time.time()
                if token is None or not token.allows(now):
                    break
                token.used_at = now
                chunk = reader.next(token, is_sure=self._knows(reader))
                if chunk:
                    await self._pass_on(send, chunk)
                elif reader.is_behind:
                    await asyncio.sleep(0)
                elif not await _set_within(news, self._pause(token, now)):
                    await self._pass_on(send, self._heartbeat(reader.position))
        except TimeoutError:
            _log.info("a client of the stream takes nothing and is let go")
            return
        finally:
            watch.cancel()
            self._window.leave(news)
            self._lookups.keeper.is_watched = len(self._window) > 0
        if not gone.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass_on(self, send: Send, chunk: bytes) -> None:
        """Raises TimeoutError when the client does not take it."""
        async with asyncio.timeout(_STUCK_HEARTBEATS * self._heartbeat_seconds):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _knows(self, reader: Reader) -> bool:
        """Whether a revision that was not seen here cannot be one that is still to come."""
        lookups = self._lookups
        return lookups.keeper.is_current and reader.position > lookups.snapshot.revision

    def _pause(self, token: Token, now: float) -> float:
        if token.expires_at is None:
            return self._heartbeat_seconds
        return max(0.0, min(self._heartbeat_seconds, token.expires_at - now))

    def _heartbeat(self, position: int) -> bytes:
        """A comment, and the id to resume from: moves of other prompts may have brought it on."""
        keeper = self._lookups.keeper
        state = "current" if keeper.is_current else f"stale {keeper.age()}"
        return f": {state}\nid: {self._window.id_of(position)}\n\n".encode()


async def _until_gone(receive: Receive, gone: asyncio.Event, news: asyncio.Event) -> None:
    """granian takes what is sent to somebody who is gone, so ask."""
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()
    news.set()


async def _set_within(news: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await news.wait()
    return news.is_set()


def _refused(token: Token | None) -> Answer | None:
    if token is None or token.has_expired(time.time()):
        headers = [("WWW-Authenticate", "Bearer")]
        detail = "A stream needs a valid token: Authorization: Bearer."
        return problem(401, "not_authenticated", detail, headers=headers)
    if not token.may_look_up:
        return problem(403, "not_allowed", "The token has no lookup scope.")
    return None


def _retry() -> bytes:
    return b"retry: %d\n\n" % random.randint(*_RETRY_MS)  # noqa: S311 - only to be spread


def _later(code: str, detail: str) -> Answer:
    seconds = str(random.randint(1, 5))  # noqa: S311 - only to be spread
    return problem(503, code, detail, "try again in a moment", [("Retry-After", seconds)])
