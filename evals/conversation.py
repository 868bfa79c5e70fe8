"""Model calls in an asyncio loop on a thread of its own; the calling thread keeps the database.

Chats, embeddings and likelihoods, of the model under test and of others (judges). Answers come back
one by one through a queue, as they arrive. Only transient errors are tried again, a bounded number
of times; everything else is the caller's to judge.
"""

from __future__ import annotations

import asyncio
import queue
import random
import threading
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from core.errors import AssayError
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one question: the reply to it, or the error after all tries.

    `ticket` is what the question was put under.
    """

    ticket: Any
    reply: Reply | None
    error: AssayError | None = None

    @property
    def response(self) -> ChatResponse | None:
        """The reply to a chat; None for an error, and for other questions."""
        return self.reply if isinstance(self.reply, ChatResponse) else None


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

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """One whole answer, or the error of the last try."""
        return await patiently(self.patience, partial(super().chat, request))

    async def embeddings(self, request: EmbeddingsRequest) -> Embeddings:
        """Every vector, or the error of the last try."""
        return await patiently(self.patience, partial(super().embeddings, request))

    async def likelihood(self, request: LikelihoodRequest) -> Likelihood:
        """The likelihood, or the error of the last try."""
        return await patiently(self.patience, partial(super().likelihood, request))

    async def reply(self, request: Request) -> Reply:
        """Whatever answers this kind of question."""
        if isinstance(request, ChatRequest):
            return await self.chat(request)
        if isinstance(request, EmbeddingsRequest):
            return await self.embeddings(request)
        return await self.likelihood(request)


class _Clients:
    """One client per endpoint, opened when it is first asked. For one event loop."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._opened: dict[Endpoint, PatientClient] = {}
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def of(self, endpoint: Endpoint) -> PatientClient:
        """The client of that endpoint."""
        if endpoint in self._opened:
            return self._opened[endpoint]
        async with self._opening:
            if endpoint not in self._opened:
                client = PatientClient(endpoint, self.patience)
                self._opened[endpoint] = await self._stack.enter_async_context(client)
        return self._opened[endpoint]

    async def close(self) -> None:
        """Close every connection of every client."""
        await self._stack.aclose()


class Conversation:
    """Many questions at once, to one model server or several.

    `with Conversation(endpoint, patience) as talk`: `endpoint` is who is asked when nobody else is
    named. Each server is asked as much at once as its endpoint declares. Every method is for the
    one thread that opened it.
    """

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self.endpoint = endpoint
        self.patience = patience
        self._answers: queue.SimpleQueue[Asked | BaseException] = queue.SimpleQueue()
        self._asking: dict[Hashable, Future[None]] = {}
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, _Clients]] = Future()
        self._thread = threading.Thread(target=self._main, name="model-calls", daemon=True)
        #: Set when the first question with this prefix has its answer. For the loop alone.
        self._warm: dict[tuple[Endpoint, Hashable], asyncio.Event] = {}

    def __enter__(self) -> Self:
        """Start the thread. Nothing is sent yet."""
        self._thread.start()
        self._loop, self._stop, self._clients = self._started.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Break off what is still being asked, close the connections, end the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def ask(
        self,
        ticket: Hashable,
        request: Request,
        *,
        endpoint: Endpoint | None = None,
        prefix: Hashable = None,
    ) -> None:
        """Put a question; its answer comes out of `next` under the same ticket.

        `endpoint` is another server than the main one. Questions that name the same `prefix` begin
        alike: the first of them is answered (or lost) before the others are sent, so that a server
        with a prefix cache computes what they share once. That happens once a prefix and endpoint;
        name few of them.
        """
        asking = self._answer(ticket, request, endpoint or self.endpoint, prefix)
        self._asking[ticket] = asyncio.run_coroutine_threadsafe(asking, self._loop)

    def forget(self, ticket: Hashable) -> None:
        """Break a question off: the connection is closed and the server stops. May be too late."""
        future = self._asking.pop(ticket, None)
        if future is not None:
            future.cancel()

    def next(self, timeout_seconds: float) -> Asked | None:
        """The next answer; None when none came in time. Raises what broke, if something did."""
        try:
            asked = self._answers.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if isinstance(asked, BaseException):
            raise asked
        self._asking.pop(asked.ticket, None)
        return asked

    def start(
        self, work: Callable[[ModelClient], Awaitable[T]], *, endpoint: Endpoint | None = None
    ) -> Future[T]:
        """Run something else with the client of an endpoint; cancel the future to stop it."""

        async def run() -> T:
            return await work(await self._clients.of(endpoint or self.endpoint))

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    async def _answer(
        self, ticket: Hashable, request: Request, endpoint: Endpoint, prefix: Hashable
    ) -> None:
        try:
            if prefix is None:
                reply = await self._reply(request, endpoint)
            else:
                reply = await self._reply_when_warm(request, endpoint, prefix)
        except AssayError as error:
            self._answers.put(Asked(ticket, None, error))
        except Exception as bug:  # noqa: BLE001 - raised again by the thread that waits for it
            self._answers.put(bug)
        else:
            self._answers.put(Asked(ticket, reply))

    async def _reply(self, request: Request, endpoint: Endpoint) -> Reply:
        return await (await self._clients.of(endpoint)).reply(request)

    async def _reply_when_warm(
        self, request: Request, endpoint: Endpoint, prefix: Hashable
    ) -> Reply:
        warm = self._warm.get((endpoint, prefix))
        if warm is not None:
            await warm.wait()
            return await self._reply(request, endpoint)
        warm = self._warm[endpoint, prefix] = asyncio.Event()
        try:
            return await self._reply(request, endpoint)
        finally:
            warm.set()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        stop, clients = asyncio.Event(), _Clients(self.patience)
        try:
            await clients.of(self.endpoint)
            self._started.set_result((asyncio.get_running_loop(), stop, clients))
            await stop.wait()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        finally:
            await clients.close()
