"""Model calls in an asyncio loop on a thread of its own; the calling thread keeps the database.

Answers come back one by one through a queue, as they arrive. Only transient errors are tried
again, a bounded number of times; everything else is the caller's to judge.
"""

from __future__ import annotations

import asyncio
import queue
import random
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from core.errors import AssayError
from serving.client import ChatRequest, ChatResponse, Endpoint, ModelClient, ModelUnavailableError

T = TypeVar("T")


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
    """What became of one question: a response, or the error after all tries."""

    ticket: int
    response: ChatResponse | None
    error: AssayError | None = None


async def patiently(patience: Patience, call: Callable[[], Awaitable[T]]) -> T:
    """Await `call` until it succeeds, fails for good, or patience ends. Raises its last error."""
    for attempt in range(1, patience.tries):
        try:
            return await call()
        except ModelUnavailableError as error:
            await asyncio.sleep(patience.wait_seconds(attempt, error.retry_after_seconds))
    return await call()


class PatientClient(ModelClient):
    """A client whose chats try transient errors again."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        super().__init__(endpoint)
        self.patience = patience

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """One whole answer, or the error of the last try."""
        return await patiently(self.patience, partial(super().chat, request))


class Conversation:
    """One model server, many questions at once. `with Conversation(endpoint) as talk`.

    Every method is for the one thread that opened it.
    """

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self.endpoint = endpoint
        self.patience = patience
        self._answers: queue.SimpleQueue[Asked | BaseException] = queue.SimpleQueue()
        self._asking: dict[int, Future[None]] = {}
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, ModelClient]]
        self._started = Future()
        self._thread = threading.Thread(target=self._main, name="model-calls", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread. Nothing is sent yet."""
        self._thread.start()
        self._loop, self._stop, self._client = self._started.result()
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

    def ask(self, ticket: int, request: ChatRequest) -> None:
        """Put a question; its answer comes out of `next` under the same ticket."""
        self._asking[ticket] = asyncio.run_coroutine_threadsafe(
            self._answer(ticket, request), self._loop
        )

    def forget(self, ticket: int) -> None:
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

    def start(self, work: Callable[[ModelClient], Awaitable[T]]) -> Future[T]:
        """Run something else with the same client; cancel the future to stop it."""

        async def run() -> T:
            return await work(self._client)

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    async def _answer(self, ticket: int, request: ChatRequest) -> None:
        try:
            response = await self._client.chat(request)
        except AssayError as error:
            self._answers.put(Asked(ticket, None, error))
        except Exception as bug:  # noqa: BLE001 - raised again by the thread that waits for it
            self._answers.put(bug)
        else:
            self._answers.put(Asked(ticket, response))

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        stop = asyncio.Event()
        async with PatientClient(self.endpoint, self.patience) as client:
            self._started.set_result((asyncio.get_running_loop(), stop, client))
            await stop.wait()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
