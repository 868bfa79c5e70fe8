"""HTTP as every request to a model server uses it: bare aiohttp, and typed errors for what fails.

It follows no redirect, reads no proxy or netrc from the environment, keeps no cookie, and sends the
API key to its own `base_url` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

from serving.errors import (
    ModelAnswerError,
    ModelUnavailableError,
    error_reason,
    http_error,
    retry_after_seconds,
)
from serving.messages import Endpoint

_HEALTH_SECONDS = 5.0
_ERROR_BODY_BYTES = 16 * 1024
#: How long to wait, after the answer is whole, for the end that lets the connection be used again.
_DRAIN_SECONDS = 0.5


@dataclass(slots=True)
class _Connection:
    """What the trace tells about the connection of one request."""

    was_pooled: bool = False


class Answer:
    """A response whose status was 200 and whose body is still to be read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.headers = response.headers

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes in."""
        return self._response.content.iter_any()

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises ModelAnswerError when it is longer than `limit` bytes."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > limit:
                raise ModelAnswerError(f"the answer is longer than {limit} bytes")
        return bytes(body)

    async def drain(self) -> None:
        """Wait a little for the end, of which nothing is expected any more. It cannot fail."""
        if self._response.content.at_eof():
            return
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self.pieces():
                    pass


class Transport:
    """The connections to one server. Open it in the loop that uses it, and close it there."""

    def __init__(self, endpoint: Endpoint) -> None:
        """No connection is made before the first request."""
        self.endpoint = endpoint
        self._pool: aiohttp.ClientSession | None = None
        self._single_use: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the pool."""
        self._pool = _session(self.endpoint, single_use=False)
        self._single_use = _session(self.endpoint, single_use=True)

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._pool, self._single_use):
            if session is not None:
                await session.close()

    @asynccontextmanager
    async def post(self, url: str, body: bytes) -> AsyncIterator[Answer]:
        """Send JSON and give out the answer, all within the endpoint's timeout.

        A pooled connection that closes before the first byte is replaced by a new one, once:
        llama.cpp's server closes after every stream, and our next request can cross that.
        A body that is not read to its end closes the connection, which makes the server stop.
        """
        with _typed_failures(self.endpoint):
            async with asyncio.timeout(self.endpoint.timeout_seconds):
                async with _held(await self._post(url, body)) as response:
                    yield await self._accepted(response)

    @asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[Answer]:
        """Give out the answer, all within the endpoint's timeout."""
        with _typed_failures(self.endpoint):
            async with asyncio.timeout(self.endpoint.timeout_seconds):
                async with _held(await self._get(url)) as response:
                    yield await self._accepted(response)

    async def status(self, *urls: str) -> int:
        """The status of the first address that is known, within 5 seconds; 0 for no answer."""
        seconds = min(_HEALTH_SECONDS, self.endpoint.timeout_seconds)
        status = 0
        try:
            async with asyncio.timeout(seconds):
                for url in urls:
                    async with _held(await self._get(url)) as response:
                        status = response.status
                    if status == 200 or status >= 500:
                        break
        except (TimeoutError, aiohttp.ClientError, OSError):
            return 0
        return status

    async def _post(self, url: str, body: bytes) -> aiohttp.ClientResponse:
        connection = _Connection()
        try:
            return await self._send(_opened(self._pool), url, body, connection)
        except aiohttp.ClientConnectionError as error:
            if not (connection.was_pooled and _closed_before_first_byte(error)):
                raise
        return await self._send(_opened(self._single_use), url, body, _Connection())

    async def _send(
        self, session: aiohttp.ClientSession, url: str, body: bytes, connection: _Connection
    ) -> aiohttp.ClientResponse:
        return await session.post(
            url,
            data=body,
            headers={"Content-Type": "application/json"} | self._authorization(),
            allow_redirects=False,
            trace_request_ctx=connection,
        )

    async def _get(self, url: str) -> aiohttp.ClientResponse:
        return await _opened(self._pool).get(
            url, headers=self._authorization(), allow_redirects=False
        )

    def _authorization(self) -> dict[str, str]:
        key = self.endpoint.api_key
        return {} if key is None else {"Authorization": f"Bearer {key}"}

    async def _accepted(self, response: aiohttp.ClientResponse) -> Answer:
        if response.status == 200:
            return Answer(response)
        body = b""
        with suppress(aiohttp.ClientError, OSError):  # the status says enough
            body = await response.content.read(_ERROR_BODY_BYTES)
        reason = error_reason(body, secret=self.endpoint.api_key)
        raise http_error(response.status, reason, retry_after_seconds(response.headers))


def _session(endpoint: Endpoint, *, single_use: bool) -> aiohttp.ClientSession:
    """The seats bound the requests, so the connector need not; health must not wait for a chat."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_pooled)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=single_use),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "assay", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, connect=endpoint.connect_timeout_seconds),
        trace_configs=[trace],
        trust_env=False,
        auto_decompress=False,
    )


async def _note_pooled(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: object
) -> None:
    if context.trace_request_ctx is not None:
        context.trace_request_ctx.was_pooled = True


def _opened(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
    if session is None:
        raise RuntimeError("use the client as `async with ModelClient(endpoint) as client`")
    return session


def _closed_before_first_byte(error: aiohttp.ClientConnectionError) -> bool:
    """`message` of ServerDisconnectedError is an object when a part of the head had come."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError | aiohttp.ClientConnectionResetError)


@asynccontextmanager
async def _held(response: aiohttp.ClientResponse) -> AsyncIterator[aiohttp.ClientResponse]:
    """Back to the pool when everything was read, else closed: a half-read answer must stop."""
    try:
        yield response
    finally:
        if response.content.at_eof():
            response.release()
        else:
            response.close()


@contextmanager
def _typed_failures(endpoint: Endpoint) -> Iterator[None]:
    """Errors of aiohttp as ours. Never `from` them: some carry the headers, and so the key."""
    where = endpoint.root_url
    try:
        yield
    except aiohttp.ClientConnectorCertificateError:
        raise ModelAnswerError(f"the TLS certificate of {where} is not accepted") from None
    except aiohttp.ConnectionTimeoutError:
        seconds = endpoint.connect_timeout_seconds
        raise ModelUnavailableError(f"no connection to {where} within {seconds:g} s") from None
    except TimeoutError:
        seconds = endpoint.timeout_seconds
        raise ModelUnavailableError(f"no whole answer from {where} within {seconds:g} s") from None
    except aiohttp.ClientResponseError:
        raise ModelAnswerError(f"what {where} answers is not HTTP") from None
    except aiohttp.ClientPayloadError:
        raise ModelUnavailableError(f"{where} closed the connection in mid-stream") from None
    except aiohttp.ClientConnectorError as error:
        raise ModelUnavailableError(f"cannot connect to {where}: {error.os_error}") from None
    except (aiohttp.ClientError, OSError) as error:
        raise ModelUnavailableError(f"the connection to {where} broke: {error}") from None
