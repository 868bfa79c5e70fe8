"""GET prompts/{name}, as the web listener answers it from memory."""

from __future__ import annotations

import asyncio
import time

from config.fast_path import API, HEADERS, JSON, SEED
from config.metrics.counting import count
from config.stream.http import Answer, Request, Send, problem
from registry.access import token_digest
from registry.lookup import Ask, Lookups, Reply

#: How long a lookup waits for what changed to be read, and how often it asks. A prompt takes a
#: millisecond; a sync of ten thousand takes more than anybody should wait.
_READ_SECONDS, _PAUSE_SECONDS = 1.0, 0.002


class LookupRoute:
    """The route's handler.

    What the snapshot cannot answer (another token, an unknown tag, every error) is for the web
    listener, which reads the database: 421, that is, ask there (RFC 9110, 15.5.20).
    """

    def __init__(self, lookups: Lookups) -> None:
        """`lookups` are started by the caller."""
        self._lookups = lookups

    async def __call__(self, request: Request, _send: Send) -> Answer:
        """One lookup."""
        ask = _ask(request)
        reply = await self._reply(ask) if ask else None
        if reply is None:
            return await elsewhere(request, _send)
        count(reply.status)
        return Answer(reply.status, reply.headers + HEADERS, reply.body)

    async def _reply(self, ask: Ask) -> Reply | None:
        """Just after a move nobody but the keeper, which reads it now, could read it here: wait."""
        until = time.monotonic() + _READ_SECONDS
        reply = await self._once(ask)
        while reply is None and time.monotonic() < until:
            was_read = not self._lookups.is_in_doubt(ask.name)
            await asyncio.sleep(_PAUSE_SECONDS)
            # Also when it was: that may have been a moment ago.
            reply = await self._once(ask)
            if was_read:
                break
        return reply

    async def _once(self, ask: Ask) -> Reply | None:
        if self._lookups.keeper.is_current:
            return self._lookups.answer(ask)
        # It waits for a look at the database, which may take a second.
        return await asyncio.to_thread(self._looked, ask)

    def _looked(self, ask: Ask) -> Reply | None:
        """Where a look was not answered in time, the last known: nobody here could read instead."""
        reply = self._lookups.answer(ask)
        if reply is None and not self._lookups.keeper.is_current:
            return self._lookups.answer(ask, last_known=True)
        return reply


async def elsewhere(_request: Request, _send: Send) -> Answer:
    """421 for what the web listener answers."""
    return problem(
        421,
        "ask_web_listener",
        "This listener answers lookups of what is live, and streams; nothing else.",
        "ask the web listener, at the same path on its own port",
    )


def _ask(request: Request) -> Ask | None:
    is_seed = request.path.startswith(SEED)
    secret = request.bearer()
    if secret is None or request.header("accept") not in JSON or request.header("cookie"):
        return None
    return Ask(
        request.path.removeprefix(SEED if is_seed else API),
        request.query,
        token_digest(secret),
        request.header("if-none-match"),
        is_seed,
    )
