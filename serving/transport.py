"""HTTP as every request to a model server uses it, and typed errors for what fails.

It follows no redirect, reads no proxy or netrc from the environment, keeps no cookie, and sends the
API key to its own `base_url` alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

from serving.errors import (
    ModelAnswerError,
    ModelUnavailableError,
    error_reason,
    http_error,
    retry_after_seconds,
)
from serving.messages import Endpoint
from serving.pool import NoConnectionError, Pool, SlowConnectionError, UntrustedError
from serving.wire import Connection, LostError, NotHttpError, Piece

_OK = 200
_HEALTH_SECONDS = 5.0
_ERROR_BODY_BYTES = 16 * 1024
#: How long to wait, after the answer is whole, for the end that lets the connection be used again.
_DRAIN_SECONDS = 0.5
#: How long to wait for the reason of a refusal.
_REASON_SECONDS = 2.0
#: What a path may hold as it is (RFC 3986, 3.3, and the percent sign of what is quoted already).
_PATH = "/%:@!$&'()*+,;=~"

#: What ends an exchange before its answer is whole.
_FAILURES = (
    LostError,
    NoConnectionError,
    NotHttpError,
    SlowConnectionError,
    TimeoutError,
    UntrustedError,
)


class Answer:
    """A response whose head is here and whose body is still to be read. Names of `headers` are in
    lower case.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers

    async def next(self) -> Piece | None:
        """The next piece of the body as it came in; None at its end."""
        return await self._connection.next()

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises ModelAnswerError when it is longer than `limit` bytes."""
        body = bytearray()
        while (piece := await self.next()) is not None:
            body += piece.data
            if len(body) > limit:
                raise ModelAnswerError(f"the answer is longer than {limit} bytes")
        return bytes(body)

    async def drain(self) -> None:
        """Wait a little for the end, of which nothing is expected any more. It cannot fail."""
        if self._connection.is_done:
            return
        with suppress(TimeoutError, LostError, NotHttpError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while await self.next() is not None:
                    pass

    async def refusal(self, *, secret: str | None) -> ModelUnavailableError | ModelAnswerError:
        """What the status says, with the reason that the server gives."""
        body = b""
        with suppress(TimeoutError, LostError, NotHttpError):  # the status says enough
            async with asyncio.timeout(_REASON_SECONDS):
                while len(body) < _ERROR_BODY_BYTES:
                    if (piece := await self.next()) is None:
                        break
                    body += piece.data
        reason = error_reason(body[:_ERROR_BODY_BYTES], secret=secret)
        return http_error(self.status, reason, retry_after_seconds(self.headers))


class Call:
    """One request that is ready to be sent, and its answer: `with transport.post(...) as call`.

    A connection from the pool that closes before the first byte is replaced by a new one, once:
    llama.cpp's server closes after every stream, and our next request can cross that.
    """

    def __init__(self, pool: Pool, request: bytes) -> None:
        self._pool = pool
        self._request = request
        self._connection: Connection | None = None
        #: What `time.perf_counter` said when it was sent.
        self.sent_at = math.nan

    def __enter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Who has sent it and waits for no answer breaks it off."""
        self._let_go()

    def send_at_once(self) -> None:
        """Send it in this very turn of the loop, if a connection is free and surely open. If not,
        `answered` sends it.
        """
        if self._pool.is_sure:
            self._send()

    def _send(self) -> None:
        self.sent_at = time.perf_counter()
        self._connection = self._pool.idle()
        if self._connection is not None:
            self._connection.send(self._request)

    @asynccontextmanager
    async def answered(self) -> AsyncIterator[Answer]:
        """Give out the answer, all within the endpoint's timeout. The connection is free again
        afterwards; it is closed, and the server stops, when the body was not read to its end.

        Raises for every status but 200.
        """
        endpoint = self._pool.endpoint
        try:
            async with asyncio.timeout(endpoint.timeout_seconds):
                answer = await self._head()
                if answer.status != _OK:
                    raise await answer.refusal(secret=endpoint.api_key)
                yield answer
        except _FAILURES as failure:
            raise _typed(failure, endpoint) from None
        finally:
            self._let_go()

    async def status(self) -> int:
        """Of the answer, whatever it is. Raises the failures of the wire."""
        try:
            answer = await self._head()
            await answer.drain()
            return answer.status
        finally:
            self._let_go()

    async def _head(self) -> Answer:
        if math.isnan(self.sent_at):
            self._send()
        if self._connection is not None:
            try:
                await self._connection.head()
            except LostError:
                if self._connection.has_begun:
                    raise
                lost, self._connection = self._connection, None
                self._pool.was_closed(lost)
            else:
                return Answer(self._connection)
        self._connection = await self._pool.fresh()
        self._connection.send(self._request)
        await self._connection.head()
        return Answer(self._connection)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._pool.take_back(self._connection)
            self._connection = None


class Transport:
    """Requests to one server. Use it in one loop, and close it there."""

    def __init__(self, endpoint: Endpoint) -> None:
        """No connection is made before the first request."""
        self.endpoint = endpoint
        self._pool = Pool(endpoint)
        self._host = _host_of(endpoint)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    def post(self, url: str, body: bytes) -> Call:
        """Sends JSON."""
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return Call(self._pool, self._head("POST", url, head) + body)

    def get(self, url: str) -> Call:
        """Asks for a page."""
        return Call(self._pool, self._head("GET", url))

    async def status(self, *urls: str) -> int:
        """The status of the first address that is known, within 5 seconds; 0 for no answer."""
        status = 0
        try:
            async with asyncio.timeout(min(_HEALTH_SECONDS, self.endpoint.timeout_seconds)):
                for url in urls:
                    status = await self.get(url).status()
                    if status == _OK or status >= 500:
                        break
        except _FAILURES:
            return 0
        return status

    def _head(self, method: str, url: str, more: str = "") -> bytes:
        """Of a request. What is in `url` and the key was checked when the endpoint was made."""
        parts = urlsplit(url)
        path = quote(parts.path, safe=_PATH) or "/"
        key = self.endpoint.api_key
        authorization = "" if key is None else f"Authorization: Bearer {key}\r\n"
        return (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nUser-Agent: assay\r\n"
            f"Accept: */*\r\nAccept-Encoding: identity\r\n{authorization}{more}\r\n"
        ).encode("ascii")


def _host_of(endpoint: Endpoint) -> str:
    """The header that names the server: the name in ASCII, brackets around IPv6, and a port."""
    parts = urlsplit(endpoint.root_url)
    host = str(parts.hostname).encode("idna").decode()
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"


def _typed(failure: Exception, endpoint: Endpoint) -> ModelUnavailableError | ModelAnswerError:
    """What ended an exchange as an error of ours."""
    where = endpoint.root_url
    match failure:
        case UntrustedError():
            return ModelAnswerError(f"the TLS certificate of {where} is not accepted")
        case NotHttpError():
            return ModelAnswerError(f"what {where} answers is not HTTP")
        case NoConnectionError():
            message = f"cannot connect to {where}: {failure}"
        case SlowConnectionError():
            message = f"no connection to {where} within {endpoint.connect_timeout_seconds:g} s"
        case LostError(in_body=True):
            message = f"{where} closed the connection in mid-stream"
        case LostError():
            message = f"the connection to {where} broke: {failure}"
        case _:
            message = f"no whole answer from {where} within {endpoint.timeout_seconds:g} s"
    return ModelUnavailableError(message)
