"""HTTP for the prompt clients: effects carried out by httpx, in a thread or in an event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from assay import settings
from assay.prompts.effects import (
    Answered,
    Ask,
    Close,
    Effect,
    Open,
    Outcome,
    Read,
    Steps,
    Unanswered,
    Wait,
)

T = TypeVar("T")

_CLOSED = Unanswered("this client is closed")
#: What is read of an answer that is no stream, in bytes.
_MOST_OF_A_REFUSAL = 65_536
_BATCH, _STREAM = "/api/v1/prompts:batch", "/api/v1/stream"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the registry is, and how to behave towards it.

    `silence_seconds` is how long the stream may say nothing, not even a heartbeat.
    """

    url: str
    stream_url: str
    token: str = field(repr=False)
    timeout_seconds: float
    silence_seconds: float

    @property
    def options(self) -> dict[str, Any]:
        """For either kind of httpx client."""
        secret = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {
            "headers": {"User-Agent": "assay-prompts", **secret},
            "timeout": self.timeout_seconds,
            # A proxy cannot reach this machine's own loopback for us.
            "trust_env": not settings.is_loopback(self.url),
        }

    def ask(self, effect: Ask) -> dict[str, Any]:
        """Arguments of `build_request`."""
        accept = {"Accept": "application/json"}
        return {"url": f"{self.url}{_BATCH}", "json": effect.body, "headers": accept}

    def open(self, effect: Open) -> dict[str, Any]:
        """Arguments of `build_request`."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if effect.last_event_id is not None:
            headers["Last-Event-ID"] = effect.last_event_id
        timeout = httpx.Timeout(self.timeout_seconds, read=self.silence_seconds)
        return {"url": f"{effect.url}{_STREAM}", "headers": headers, "timeout": timeout}


def _heard(response: httpx.Response, content: bytes = b"") -> Answered:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answered(response.status_code, headers, content)


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    return str(error) or type(error).__name__


class Blocking:
    """Carries out the steps of one thread at a time each; `ask` may be called by all at once."""

    def __init__(self, address: Address) -> None:
        """Connects to nothing."""
        self._address = address
        self._http = httpx.Client(**address.options)
        self._stream: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())
        self._stopped = threading.Event()

    def run(self, steps: Steps[T]) -> T:
        """Carry the steps out to their end; what they return or raise."""
        outcome: Outcome = None
        while True:
            try:
                effect = steps.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return] # the generator's own T
            outcome = self._done(effect)

    def pause(self, seconds: float) -> bool:
        """Wait; whether to stop for good."""
        return self._stopped.wait(seconds)

    def stop(self) -> None:
        """End waits and the stream: the steps of the one who follows come to an end."""
        self._stopped.set()
        self.cut()

    def cut(self) -> None:
        """Wake whoever reads the stream: it has ended."""
        if (connection := _socket(self._stream)) is not None:
            with suppress(OSError):
                # Not SSLSocket's own: it would take the TLS away below the thread that reads.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def abandon(self) -> None:
        """In a forked process: let go of the parent's sockets without a word to the server."""
        if (connection := _socket(self._stream)) is not None:
            connection.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _done(self, effect: Effect) -> Outcome:
        match effect:
            case Ask():
                return self._ask(effect)
            case Open():
                return self._open(effect)
            case Read():
                return self._read()
            case Close():
                self._close()
                return None
            case Wait(seconds):
                return self.pause(seconds)

    def _ask(self, effect: Ask) -> Answered | Unanswered:
        if self._stopped.is_set():
            return _CLOSED
        try:
            response = self._http.post(**self._address.ask(effect))
        except httpx.HTTPError as error:
            return Unanswered(_reason(error))
        return _heard(response, response.content)

    def _open(self, effect: Open) -> Answered | Unanswered:
        request = self._http.build_request("GET", **self._address.open(effect))
        try:
            self._stream = self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            return Unanswered(_reason(error))
        if self._stopped.is_set():  # it may have been cut before it was there
            self.cut()
        is_open = self._stream.status_code == HTTPStatus.OK
        self._chunks = self._stream.iter_raw(None if is_open else _MOST_OF_A_REFUSAL)
        return _heard(self._stream, b"" if is_open else self._read())

    def _read(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError):
            return b""

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


class Awaiting:
    """As Blocking, in one event loop."""

    def __init__(self, address: Address) -> None:
        """Connects to nothing. Made inside the loop that uses it."""
        self._address = address
        self._http = httpx.AsyncClient(**address.options)
        self._stream: httpx.Response | None = None
        self._chunks: Any = None
        self._stopped = asyncio.Event()

    async def run(self, steps: Steps[T]) -> T:
        """Carry the steps out to their end; what they return or raise."""
        outcome: Outcome = None
        while True:
            try:
                effect = steps.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return] # the generator's own T
            outcome = await self._done(effect)

    def stop(self) -> None:
        """From now on nobody is asked."""
        self._stopped.set()

    async def close(self) -> None:
        """Give the connections back; there are no new ones."""
        self.stop()
        await self._close()
        await self._http.aclose()

    async def _done(self, effect: Effect) -> Outcome:
        match effect:
            case Ask():
                return await self._ask(effect)
            case Open():
                return await self._open(effect)
            case Read():
                return await self._read()
            case Close():
                await self._close()
                return None
            case Wait(seconds):
                return await self._wait(seconds)

    async def _ask(self, effect: Ask) -> Answered | Unanswered:
        if self._stopped.is_set():
            return _CLOSED
        try:
            response = await self._http.post(**self._address.ask(effect))
        except httpx.HTTPError as error:
            return Unanswered(_reason(error))
        return _heard(response, response.content)

    async def _open(self, effect: Open) -> Answered | Unanswered:
        request = self._http.build_request("GET", **self._address.open(effect))
        try:
            self._stream = await self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            return Unanswered(_reason(error))
        is_open = self._stream.status_code == HTTPStatus.OK
        self._chunks = self._stream.aiter_raw(None if is_open else _MOST_OF_A_REFUSAL)
        return _heard(self._stream, b"" if is_open else await self._read())

    async def _read(self) -> bytes:
        try:
            chunk: bytes = await anext(self._chunks, b"")
        except (httpx.HTTPError, httpx.StreamError):
            return b""
        return chunk

    async def _wait(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()


def _socket(stream: httpx.Response | None) -> socket.socket | None:
    """The socket below a response; None when it is closed already."""
    network = stream.extensions.get("network_stream") if stream is not None else None
    found = network.get_extra_info("socket") if network is not None else None
    return found if isinstance(found, socket.socket) else None
