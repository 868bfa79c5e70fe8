"""A client that tries again: transient errors only, a bounded number of times."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from serving.client import (
    ChatRequest,
    ChatResponse,
    Embeddings,
    EmbeddingsRequest,
    Endpoint,
    Likelihood,
    LikelihoodRequest,
    ModelClient,
    ModelUnavailableError,
)

T = TypeVar("T")
Request = ChatRequest | EmbeddingsRequest | LikelihoodRequest
Reply = ChatResponse | Embeddings | Likelihood


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a transient error is tried again, and how long to wait in between, in seconds.

    The wait doubles every time, with jitter. A server that asks for a longer one gets it, up to
    `longest_wait_seconds`.
    """

    tries: int = 4
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0

    def wait_seconds(self, attempt: int, asked_for: float | None) -> float:
        """Seconds before try `attempt + 1`, after `attempt` tries (from 1) have failed."""
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, keeps no secret
        own = self.first_wait_seconds * 2.0 ** (attempt - 1) * jitter
        return min(self.longest_wait_seconds, max(own, asked_for or 0.0))


async def patiently(patience: Patience, call: Callable[[], Awaitable[T]]) -> T:
    """Await `call` until it succeeds, fails for good, or patience ends. Raises its last error."""
    for attempt in range(1, patience.tries):
        try:
            return await call()
        except ModelUnavailableError as error:
            await asyncio.sleep(patience.wait_seconds(attempt, error.retry_after_seconds))
    return await call()


class PatientClient(ModelClient):
    """A client that tries transient errors again."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        super().__init__(endpoint, longest_pause_seconds=patience.longest_wait_seconds)
        self.patience = patience

    async def chat(
        self,
        request: ChatRequest,
        *,
        place: int = 0,
        on_begun: Callable[[], bool] | None = None,
    ) -> ChatResponse:
        """One whole answer, or the error of the last try. `on_begun` may be called once a try."""
        ask = partial(super().chat, request, place=place, on_begun=on_begun)
        return await patiently(self.patience, ask)

    async def embeddings(self, request: EmbeddingsRequest) -> Embeddings:
        """Every vector, or the error of the last try."""
        return await patiently(self.patience, partial(super().embeddings, request))

    async def likelihood(self, request: LikelihoodRequest) -> Likelihood:
        """The likelihood, or the error of the last try."""
        return await patiently(self.patience, partial(super().likelihood, request))

    async def reply(
        self, request: Request, *, place: int = 0, on_begun: Callable[[], bool] | None = None
    ) -> Reply:
        """Whatever answers this kind of question. `place` and `on_begun` are for chats."""
        if isinstance(request, ChatRequest):
            return await self.chat(request, place=place, on_begun=on_begun)
        if isinstance(request, EmbeddingsRequest):
            return await self.embeddings(request)
        return await self.likelihood(request)
