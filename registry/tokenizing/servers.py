"""Counts by a model's server, which is asked for a short time, and left alone when it is silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from core.errors import AssayError
from registry.domain.model_pin import ModelPin
from registry.tokenizing.counts import Counts
from serving.client import Endpoint, ModelClient

_CONNECT_SECONDS = 2.0
_AT_ONCE = 8
#: After a failure, before the server is asked again.
_PAUSE_SECONDS = 60.0


class ServerCounts:
    """Counts by the server at `endpoint`, which gets `seconds` for all texts of one question.

    `report` hears, in a sentence, why texts remain that it did not count.
    """

    def __init__(
        self, pin: ModelPin, endpoint: Endpoint, seconds: float, report: Callable[[str], None]
    ) -> None:
        self.how = f"counted by the server of {pin.name}"
        self._name = pin.name
        self._endpoint = replace(
            endpoint,
            concurrency=_AT_ONCE,
            timeout_seconds=seconds,
            connect_timeout_seconds=min(_CONNECT_SECONDS, seconds),
        )
        self._seconds = seconds
        self._report = report
        self._known = Counts()
        self._ask_again_at = 0.0

    def count(self, texts: Collection[str]) -> dict[str, int]:
        """The tokens of each text that could be counted."""
        unknown = [text for text in texts if self._known.get(text) is None]
        if unknown and time.monotonic() >= self._ask_again_at:
            problem = asyncio.run(self._ask(unknown))
            if problem:
                self._ask_again_at = time.monotonic() + _PAUSE_SECONDS
                self._report(f"tokens of {self._name} are estimated: {problem}")
        found = ((text, self._known.get(text)) for text in texts)
        return {text: tokens for text, tokens in found if tokens is not None}

    async def _ask(self, texts: Collection[str]) -> str:
        """Why not everything was told; empty when it was."""
        try:
            async with asyncio.timeout(self._seconds), ModelClient(self._endpoint) as client:
                return await self._told(client, texts)
        except TimeoutError:
            where = self._endpoint.root_url
            return f"{where} did not tell all of them within {self._seconds:g} s"
        except AssayError as error:
            return error.message

    async def _told(self, client: ModelClient, texts: Collection[str]) -> str:
        served = await client.served_ids()
        if self._endpoint.served_id not in served:
            # llama.cpp would count by the tokens of whatever it serves.
            return f"{self._endpoint.root_url} does not serve {self._endpoint.served_id}"
        left = iter(texts)
        askers = [asyncio.create_task(self._count(client, left)) for _ in range(_AT_ONCE)]
        try:
            await asyncio.gather(*askers)
        finally:
            for asker in askers:
                asker.cancel()
            await asyncio.gather(*askers, return_exceptions=True)
        return ""

    async def _count(self, client: ModelClient, left: Iterator[str]) -> None:
        for text in left:
            self._known.put(text, await client.token_count(text))
