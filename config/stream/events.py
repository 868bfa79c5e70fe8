"""GET /api/v1/stream: moves of tags as Server-Sent Events (docs/reference/stream.md).

A client is told every move after the revision that it has, once and in their order, or it is told
`reset`: then something may have passed it by, and what it holds it should fetch again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from config.stream.clients import full, later, streaming
from config.stream.http import Answer, Request, Send, problem
from config.stream.prompts import StreamQueryError, asked
from config.stream.reader import Reader
from config.stream.window import Window
from registry.access import token_digest
from registry.lookup import Freshness, Lookups
from registry.lookup.loading import Token


class Events:
    """The route's handler."""

    def __init__(
        self, window: Window, lookups: Lookups, *, heartbeat_seconds: float, most_clients: int
    ) -> None:
        """`lookups` knows the tokens. Clients beyond `most_clients` are turned away for a while."""
        self._window, self._lookups = window, lookups
        self._heartbeat_seconds, self._most_clients = heartbeat_seconds, most_clients
        #: Of the window's clients, those here.
        self._listening = 0

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
                return later("stream_not_ready", "The listener does not know who may listen.")
        if refusal := _refused(tokens.get(digest)):
            return refusal
        if len(self._window) >= self._most_clients:
            return full(self._most_clients)
        return None

    async def _serve(
        self,
        reader: Reader,
        token_now: Callable[[], Token | None],
        request: Request,
        send: Send,
    ) -> None:
        keeper = self._lookups.keeper
        self._listening += 1
        keeper.is_watched = True
        try:
            async with streaming(self._window, request, send, self._heartbeat_seconds) as client:
                await client.greet()
                due = self._next_heartbeat()
                while not client.is_over:
                    client.news.clear()
                    token = token_now()
                    now = time.time()
                    if token is None or not token.allows(now):
                        break
                    token.used_at = now
                    chunk = reader.next(token, is_sure=self._knows(reader))
                    if chunk:
                        await client.tell(chunk)
                        due = self._next_heartbeat()
                    elif reader.is_behind:
                        await asyncio.sleep(0)
                    # News that are not for this client put no heartbeat off.
                    elif not await client.hears_within(_pause(token, now, due)):
                        await client.tell(self._heartbeat(reader.position))
                        due = self._next_heartbeat()
        finally:
            self._listening -= 1
            keeper.is_watched = self._listening > 0

    def _knows(self, reader: Reader) -> bool:
        """Whether a revision that was not seen here cannot be one that is still to come."""
        lookups = self._lookups
        return lookups.keeper.is_current and reader.position > lookups.snapshot.revision

    def _next_heartbeat(self) -> float:
        return time.monotonic() + self._heartbeat_seconds

    def _heartbeat(self, position: int) -> bytes:
        """A comment, and the id to resume from: moves of other prompts may have brought it on."""
        keeper = self._lookups.keeper
        state = "current" if keeper.is_current else f"stale {keeper.age()}"
        return f": {state}\nid: {self._window.id_of(position)}\n\n".encode()


def _pause(token: Token, now: float, due: float) -> float:
    """Seconds until the client has to hear something, or its token ends."""
    left = due - time.monotonic()
    if token.expires_at is not None:
        left = min(left, token.expires_at - now)
    return max(0.0, left)


def _refused(token: Token | None) -> Answer | None:
    if token is None or token.has_expired(time.time()):
        headers = [("WWW-Authenticate", "Bearer")]
        detail = "A stream needs a valid token: Authorization: Bearer."
        return problem(401, "not_authenticated", detail, headers=headers)
    if not token.may_look_up:
        return problem(403, "not_allowed", "The token has no lookup scope.")
    return None
