"""HTTP as every request to a model server uses it, and typed errors for what fails.

It follows no redirect, reads no proxy or netrc from the environment, keeps no cookie, and sends the
API key to its own `base_url` alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import quote, urlsplit

from serving.errors import (
    ModelAnswerError,
    ModelUnavailableError,
    error_reason,
    http_error,
    retry_after_seconds,
)
from serving.messages import Endpoint
from serving.wire import Connection, LostError, NotHttpError, Piece

_OK = 200
_HEALTH_SECONDS = 5.0
_ERROR_BODY_BYTES = 16 * 1024
#: How long to wait, after the answer is whole, for the end that lets the connection be used again.
_DRAIN_SECONDS = 0.5
#: How long to wait for the reason of a refusal.
_REASON_SECONDS = 2.0
#: Servers close what is idle for longer, and a request that crosses that is sent twice.
_IDLE_SECONDS = 15.0
#: RFC 8305, 8: before the next address of a name is tried beside the first.
_NEXT_ADDRESS_SECONDS = 0.25
#: What a path may hold as it is (RFC 3986, 3.3, and the percent sign of what is quoted already).
_PATH = "/%:@!$&'()*+,;=~"


class _NoConnectionError(Exception):
    """Nobody listens, or the name is none, or TLS fails."""


class _SlowConnectionError(Exception):
    """No connection within its time."""


class _UntrustedError(Exception):
    """Its certificate is not of somebody whom this machine trusts, or of another host."""


_FAILURES = (LostError, NotHttpError, _NoConnectionError, _SlowConnectionError, _UntrustedError)


class Answer:
    """A response whose status was 200 and whose body is still to be read. Names of `headers` are in
    lower case.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
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


class Transport:
    """The connections to one server. Use it in one loop, and close it there."""

    def __init__(self, endpoint: Endpoint) -> None:
        """No connection is made before the first request."""
        self.endpoint = endpoint
        self._open: set[Connection] = set()
        #: Who was used last is used next, so that those nobody needs grow old.
        self._idle: list[tuple[float, Connection]] = []
        self._tls: ssl.SSLContext | None = None
        self._host = _host_of(endpoint)

    async def close(self) -> None:
        """Close every connection."""
        closing = list(self._open)
        for connection in closing:
            self._drop(connection)
        for connection in closing:
            await connection.closed()

    @asynccontextmanager
    async def post(self, url: str, body: bytes) -> AsyncIterator[Answer]:
        """Send JSON and give out the answer, all within the endpoint's timeout.

        A pooled connection that closes before the first byte is replaced by a new one, once:
        llama.cpp's server closes after every stream, and our next request can cross that.
        A body that is not read to its end closes the connection, which makes the server stop.
        """
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        async with self._answered(self._head("POST", url, head) + body) as answer:
            yield answer

    @asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[Answer]:
        """Give out the answer, all within the endpoint's timeout."""
        async with self._answered(self._head("GET", url)) as answer:
            yield answer

    async def status(self, *urls: str) -> int:
        """The status of the first address that is known, within 5 seconds; 0 for no answer."""
        status = 0
        try:
            async with asyncio.timeout(min(_HEALTH_SECONDS, self.endpoint.timeout_seconds)):
                for url in urls:
                    async with self._exchange(self._head("GET", url)) as connection:
                        status = connection.status
                        await Answer(connection).drain()
                    if status == _OK or status >= 500:
                        break
        except (TimeoutError, *_FAILURES):
            return 0
        return status

    @asynccontextmanager
    async def _answered(self, request: bytes) -> AsyncIterator[Answer]:
        with _typed_failures(self.endpoint):
            async with (
                asyncio.timeout(self.endpoint.timeout_seconds),
                self._exchange(request) as connection,
            ):
                answer = Answer(connection)
                if connection.status != _OK:
                    await self._refuse(connection)
                yield answer

    @asynccontextmanager
    async def _exchange(self, request: bytes) -> AsyncIterator[Connection]:
        """Back to the pool when everything was read, else closed: a half-read answer must stop."""
        connection = await self._asked(request)
        try:
            yield connection
        finally:
            if connection.is_done and connection.may_be_used_again:
                self._idle.append((time.monotonic(), connection))
            else:
                self._drop(connection)

    async def _asked(self, request: bytes) -> Connection:
        """The connection on which the head of the answer is here."""
        if (pooled := self._pooled()) is not None:
            try:
                return await self._ask(pooled, request)
            except LostError:
                if pooled.has_begun:
                    raise
        return await self._ask(await self._connected(), request)

    async def _ask(self, connection: Connection, request: bytes) -> Connection:
        try:
            await connection.ask(request)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _pooled(self) -> Connection | None:
        while self._idle:
            since, connection = self._idle.pop()
            if connection.may_be_used_again and time.monotonic() - since < _IDLE_SECONDS:
                return connection
            self._drop(connection)
        return None

    async def _connected(self) -> Connection:
        parts = urlsplit(self.endpoint.root_url)
        assert parts.hostname  # the endpoint was checked
        is_tls = parts.scheme == "https"
        if is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            async with asyncio.timeout(self.endpoint.connect_timeout_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection,
                    parts.hostname,
                    parts.port or (443 if is_tls else 80),
                    ssl=self._tls,
                    happy_eyeballs_delay=_next_address_seconds(parts.hostname),
                )
        except ssl.SSLCertVerificationError:
            raise _UntrustedError from None
        except TimeoutError:
            raise _SlowConnectionError from None
        except OSError as error:
            raise _NoConnectionError(str(error)) from None
        self._open.add(connection)
        return connection

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._open.discard(connection)

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

    async def _refuse(self, connection: Connection) -> None:
        """Raise what the status says, with the reason that the server gives."""
        body = b""
        with suppress(TimeoutError, LostError, NotHttpError):  # the status says enough
            async with asyncio.timeout(_REASON_SECONDS):
                while len(body) < _ERROR_BODY_BYTES:
                    if (piece := await connection.next()) is None:
                        break
                    body += piece.data
        reason = error_reason(body[:_ERROR_BODY_BYTES], secret=self.endpoint.api_key)
        raise http_error(connection.status, reason, retry_after_seconds(connection.headers))


def _host_of(endpoint: Endpoint) -> str:
    """The header that names the server: the name in ASCII, brackets around IPv6, and a port."""
    parts = urlsplit(endpoint.root_url)
    host = str(parts.hostname).encode("idna").decode()
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"


def _next_address_seconds(host: str) -> float | None:
    """None where there is one address: asyncio's race of several loses the socket of a connection
    that is made just when nobody wants it any more.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _NEXT_ADDRESS_SECONDS
    return None


@contextmanager
def _typed_failures(endpoint: Endpoint) -> Iterator[None]:
    """What happens on the wire as errors of ours."""
    where = endpoint.root_url
    try:
        yield
    except _UntrustedError:
        raise ModelAnswerError(f"the TLS certificate of {where} is not accepted") from None
    except _NoConnectionError as error:
        raise ModelUnavailableError(f"cannot connect to {where}: {error}") from None
    except _SlowConnectionError:
        seconds = endpoint.connect_timeout_seconds
        raise ModelUnavailableError(f"no connection to {where} within {seconds:g} s") from None
    except TimeoutError:
        seconds = endpoint.timeout_seconds
        raise ModelUnavailableError(f"no whole answer from {where} within {seconds:g} s") from None
    except NotHttpError:
        raise ModelAnswerError(f"what {where} answers is not HTTP") from None
    except LostError as error:
        if error.in_body:
            message = f"{where} closed the connection in mid-stream"
        else:
            message = f"the connection to {where} broke: {error}"
        raise ModelUnavailableError(message) from None
