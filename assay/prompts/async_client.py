"""The prompt client for event loops."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import Self

from assay.prompts.shell import Core, PromptClient, fallback_prompt, question
from assay.prompts.transport import Awaiting
from assay.prompts.values import Prompt

_log = logging.getLogger("assay.prompts")
_AFTER_A_BUG_SECONDS = 60.0


class AsyncClient(PromptClient):
    """As `Client`, with `await client.get(…)`; a task keeps the prompts fresh.

        async with AsyncClient() as client:
            prompt = await client.get("support-chat", key=user_id)

    It belongs to the loop that uses it. Used in another loop, or in a forked process, it keeps what
    it holds and connects anew.
    """

    def _prepare(self) -> None:
        self._io: Awaiting | None = None
        self._task: asyncio.Task[None] | None = None
        self._owner: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """`async with AsyncClient() as client:` closes it at the end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def get(
        self,
        name: str,
        *,
        tag: str = "stable",
        key: str | None = None,
        version: int | None = None,
        fallback: str | None = None,
    ) -> Prompt:
        """As `Client.get`."""
        asked = question(name, tag, key, version)
        steps = self._core.asking.get(asked, fallback_prompt(name, fallback))
        return await self._running().run(steps)

    async def close(self) -> None:
        """End the stream and give all connections back. What is held can still be got."""
        self._is_closed = True
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._running().close()

    def _running(self) -> Awaiting:
        """The connections of this loop and process; the one who follows is at work."""
        here = (os.getpid(), asyncio.get_running_loop())
        if self._io is None or self._owner != here:
            self._core.cache.lost()
            self._owner, self._io = here, Awaiting(self._core.address)
            if self._is_closed:
                self._io.stop()
            else:
                self._task = asyncio.create_task(_follow(self._core, self._io), name="prompts")
        return self._io


async def _follow(core: Core, io: Awaiting) -> None:
    """The background task. A bug in it must not end the freshness of prompts for good."""
    while True:
        try:
            return await io.run(core.following().steps())
        except Exception:  # noqa: BLE001 - see above
            _log.exception("prompts are not kept fresh, for a minute")
            await asyncio.sleep(_AFTER_A_BUG_SECONDS)
