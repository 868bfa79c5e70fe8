"""Model calls in an asyncio loop on a thread of its own; the calling thread keeps the database.

Chats, embeddings and likelihoods, of the model under test and of others (judges). Answers come back
one by one through a queue, as they arrive. Only transient errors are tried again, a bounded number
of times; everything else is the caller's to judge.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

from core.errors import AssayError
from evals.domain.beginnings import Beginnings
from serving.client import ChatRequest, ChatResponse, Endpoint, ModelClient
from serving.patience import Patience, PatientClient, Reply, Request

__all__ = ["Asked", "Conversation", "Patience", "Reply", "Request"]

T = TypeVar("T")
#: Answers wait so long for others. Nothing that is measured waits with them.
_TOGETHER_SECONDS = 0.005
#: Questions that the loop takes in before it looks at answers again.
_AT_ONCE = 16
#: How long a question may hold up those that begin as it does.
_WARM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Question:
    """What `ask` hands to the loop."""

    ticket: Hashable
    request: Request
    endpoint: Endpoint
    #: The ticket of the question that begins alike and goes first; None for none.
    after: Hashable
    #: Questions are sent in this order, as far as they need not wait. Who has waited is not behind
    #: all others then: they would push out of the cache what it waited for.
    place: int


@dataclass(frozen=True, slots=True)
class _Forget:
    """What `forget` hands to the loop."""

    ticket: Hashable


class _Beginning:
    """Of an answer: when it begins, or will not come."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._waiting = 0

    async def wait(self) -> None:
        """Wait for it, for a minute at most."""
        self._waiting += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(_WARM_SECONDS):
                await self._event.wait()

    def tell(self) -> bool:
        """It is here. True when somebody waited for it."""
        self._event.set()
        return self._waiting > 0


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
        self._answers: queue.SimpleQueue[list[Asked | BaseException]] = queue.SimpleQueue()
        self._taken: deque[Asked | BaseException] = deque()
        self._orders: deque[_Question | _Forget] = deque()
        self._is_rung = False
        self._is_waited_for = False
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, _Clients]] = Future()
        self._thread = threading.Thread(target=self._main, name="model-calls", daemon=True)
        self._beginnings: dict[Endpoint, Beginnings] = {}
        self._places = count()
        # For the loop alone.
        self._asking: dict[Hashable, asyncio.Task[None]] = {}
        self._begun: dict[Hashable, _Beginning] = {}
        self._said: list[Asked | BaseException] = []
        self._is_closing = False

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

    def ask(self, ticket: Hashable, request: Request, *, endpoint: Endpoint | None = None) -> None:
        """Put a question; its answer comes out of `next` under the same ticket. No two questions
        may have the same one at a time.

        `endpoint` is another server than the main one. Chats that begin alike for long are sent
        when the answer to the first of them has begun (or is lost), so that a server with a prefix
        cache computes what they share once: see `Beginnings`. Should the first hang, they wait for
        a minute.
        """
        where = endpoint or self.endpoint
        after = None
        if isinstance(request, ChatRequest):
            known = self._beginnings.setdefault(where, Beginnings())
            after = known.add(ticket, request.prompt)
        self._order(_Question(ticket, request, where, after, next(self._places)))

    def forget(self, ticket: Hashable) -> None:
        """Break a question off: the connection is closed and the server stops. May be too late."""
        self._order(_Forget(ticket))

    def next(self, timeout_seconds: float) -> Asked | None:
        """The next answer; None when none came in time. Raises what broke, if something did."""
        if not self._taken:
            try:
                self._taken.extend(self._answers.get(timeout=timeout_seconds))
            except queue.Empty:
                return None
        asked = self._taken.popleft() if self._taken else None
        if isinstance(asked, BaseException):
            raise asked
        return asked

    def has_heard(self) -> bool:
        """Whether the loop has heard of every question; if not, `next` returns when it has.

        Who has much to compute lets it hear first: the two threads share one processor.
        """
        self._is_waited_for = True  # before looking, as the loop looks the other way round
        self._is_waited_for = bool(self._orders)
        return not self._is_waited_for

    def wake(self) -> None:
        """Let `next` return at once; None, if there is no answer. For every thread."""
        self._answers.put([])

    def start(
        self, work: Callable[[ModelClient], Awaitable[T]], *, endpoint: Endpoint | None = None
    ) -> Future[T]:
        """Run something else with the client of an endpoint; cancel the future to stop it."""

        async def run() -> T:
            return await work(await self._clients.of(endpoint or self.endpoint))

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def _order(self, order: _Question | _Forget) -> None:
        """Hand over to the loop, which is woken once for all that came since it last looked."""
        self._orders.append(order)
        if not self._is_rung:
            self._is_rung = True
            self._loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        if self._is_closing:
            return
        self._is_rung = False  # before looking: what comes from now on rings again
        for _ in range(_AT_ONCE):
            if not self._orders:
                if self._is_waited_for:
                    self._is_waited_for = False
                    self.wake()
                return
            order = self._orders.popleft()
            if isinstance(order, _Question):
                first = self._begun.get(order.after)  # only one that came before: no circles
                self._begun[order.ticket] = _Beginning()
                self._asking[order.ticket] = asyncio.create_task(self._answer(order, first))
            elif (asking := self._close(order.ticket)) is not None:
                asking.cancel()
        self._loop.call_soon(self._hear)

    def _close(self, ticket: Hashable) -> asyncio.Task[None] | None:
        """Nothing more comes of a question: whoever waits for it goes on."""
        if (begun := self._begun.pop(ticket, None)) is not None:
            begun.tell()
        return self._asking.pop(ticket, None)

    async def _answer(self, asked: _Question, first: _Beginning | None) -> None:
        begun = self._begun[asked.ticket]
        try:
            if first is not None:
                await first.wait()
            client = await self._clients.of(asked.endpoint)
            reply = await client.reply(asked.request, place=asked.place, on_begun=begun.tell)
        except AssayError as error:
            self._say(asked.ticket, Asked(asked.ticket, None, error))
        except Exception as bug:  # noqa: BLE001 - raised again by the thread that waits for it
            self._say(asked.ticket, bug)
        else:
            self._say(asked.ticket, Asked(asked.ticket, reply))

    def _say(self, ticket: Hashable, said: Asked | BaseException) -> None:
        """Answers that come together go together: waking the other thread for each one would cost
        more than reading it.
        """
        self._close(ticket)
        self._said.append(said)
        if not self._asking:  # no other one will come
            self._hand_over()
        elif len(self._said) == 1:
            self._loop.call_later(_TOGETHER_SECONDS, self._hand_over)

    def _hand_over(self) -> None:
        if self._said:
            said, self._said = self._said, []
            self._answers.put(said)

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
            self._is_closing = True
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        finally:
            await clients.close()
