"""The chat client of every model call: bare aiohttp, one streamed request, one typed answer.

The only module that talks to model servers. It follows no redirect, reads no proxy or netrc from
the environment, keeps no cookie, and sends the API key to its own `base_url` alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp

from serving.answer import StreamedAnswer, require_event_stream, require_marked_end
from serving.errors import (
    ChatRequestInvalidError,
    EndpointInvalidError,
    ModelAnswerError,
    ModelUnavailableError,
    ParameterRefusedError,
    error_reason,
    http_error,
    retry_after_seconds,
)
from serving.messages import (
    ALLOWED_PARAMETERS,
    ChatRequest,
    ChatResponse,
    Endpoint,
    Message,
    chat_body,
    model_ids,
)
from serving.sse import EventStream

__all__ = [
    "ALLOWED_PARAMETERS",
    "ChatRequest",
    "ChatRequestInvalidError",
    "ChatResponse",
    "Endpoint",
    "EndpointInvalidError",
    "Message",
    "ModelAnswerError",
    "ModelClient",
    "ModelUnavailableError",
    "ParameterRefusedError",
]

_HEALTH_SECONDS = 5.0
_ERROR_BODY_BYTES = 16 * 1024
_MODELS_BODY_BYTES = 4 * 1024 * 1024
#: How long to wait, after the answer is whole, for the end that lets the connection be used again.
_DRAIN_SECONDS = 0.5


@dataclass(slots=True)
class _Connection:
    """What the trace tells about the connection of one request."""

    was_pooled: bool = False


class ModelClient:
    """Chats with one model. Use it as `async with ModelClient(endpoint) as client`, in one loop.

    At most `endpoint.concurrency` chats run at once, the others wait their turn; waiting is in no
    timeout and no measured time. Errors are ModelUnavailableError and ModelAnswerError: `transient`
    says whether trying again can help, and trying again is the caller's business.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """No connection is made before the first request."""
        self.endpoint = endpoint
        self._seats = asyncio.Semaphore(endpoint.concurrency)
        self._pool: aiohttp.ClientSession | None = None
        self._single_use: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        """The endpoint, without its key."""
        return f"ModelClient({self.endpoint!r})"

    async def __aenter__(self) -> Self:
        """Open the pool."""
        self._pool = _session(self.endpoint, single_use=False)
        self._single_use = _session(self.endpoint, single_use=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection."""
        for session in (self._pool, self._single_use):
            if session is not None:
                await session.close()

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """One whole answer or an error, never a part of an answer.

        A pooled connection that closes before the first byte is replaced by a new one, once:
        llama.cpp's server closes after every stream, and our next request can cross that.
        Cancelling closes the connection, which makes the server stop.
        """
        body = chat_body(self.endpoint.served_id, request)
        async with self._seats:
            started = time.perf_counter()
            with _typed_failures(self.endpoint):
                async with asyncio.timeout(self.endpoint.timeout_seconds):
                    response = await self._post(body)
                    try:
                        await self._require_ok(response)
                        require_event_stream(response.headers)
                        return await self._read_answer(response, started)
                    finally:
                        _give_back(response)

    async def served_ids(self) -> tuple[str, ...]:
        """The ids the server lists under `/v1/models`, in its order."""
        with _typed_failures(self.endpoint):
            async with asyncio.timeout(self.endpoint.timeout_seconds):
                response = await self._get(self.endpoint.models_url)
                try:
                    await self._require_ok(response)
                    return model_ids(await _bounded_body(response, _MODELS_BODY_BYTES))
                finally:
                    _give_back(response)

    async def healthy(self) -> bool:
        """Whether the server says that it is ready, within 5 seconds; every failure is a no.

        Servers without `/health` are asked for their models instead.
        """
        seconds = min(_HEALTH_SECONDS, self.endpoint.timeout_seconds)
        try:
            async with asyncio.timeout(seconds):
                status = await self._status(self.endpoint.health_url)
                if status != 200 and status < 500:
                    status = await self._status(self.endpoint.models_url)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False
        return status == 200

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        connection = _Connection()
        try:
            return await self._send(_opened(self._pool), body, connection)
        except aiohttp.ClientConnectionError as error:
            if not (connection.was_pooled and _closed_before_first_byte(error)):
                raise
        return await self._send(_opened(self._single_use), body, _Connection())

    async def _send(
        self, session: aiohttp.ClientSession, body: bytes, connection: _Connection
    ) -> aiohttp.ClientResponse:
        return await session.post(
            self.endpoint.chat_url,
            data=body,
            headers={"Content-Type": "application/json"} | self._authorization(),
            allow_redirects=False,
            trace_request_ctx=connection,
        )

    async def _get(self, url: str) -> aiohttp.ClientResponse:
        return await _opened(self._pool).get(
            url, headers=self._authorization(), allow_redirects=False
        )

    async def _status(self, url: str) -> int:
        response = await self._get(url)
        _give_back(response)
        return response.status

    def _authorization(self) -> dict[str, str]:
        key = self.endpoint.api_key
        return {} if key is None else {"Authorization": f"Bearer {key}"}

    async def _require_ok(self, response: aiohttp.ClientResponse) -> None:
        if response.status == 200:
            return
        body = b""
        with suppress(aiohttp.ClientError, OSError):  # the status says enough
            body = await response.content.read(_ERROR_BODY_BYTES)
        reason = error_reason(body, secret=self.endpoint.api_key)
        raise http_error(response.status, reason, retry_after_seconds(response.headers))

    async def _read_answer(self, response: aiohttp.ClientResponse, started: float) -> ChatResponse:
        events, answer, size = EventStream(), StreamedAnswer(self.endpoint.api_key), 0
        async for chunk in response.content.iter_any():
            elapsed_ms = _milliseconds_since(started)
            size += len(chunk)
            if size > self.endpoint.max_response_bytes:
                limit = self.endpoint.max_response_bytes
                raise ModelAnswerError(f"the answer is longer than {limit} bytes of stream")
            for event in events.feed(chunk):
                answer.add(event, elapsed_ms)
                if answer.is_done:
                    whole = answer.finish(elapsed_ms)
                    await _drain(response)
                    return whole
        require_marked_end(response.headers)
        return answer.finish(_milliseconds_since(started))


def _session(endpoint: Endpoint, *, single_use: bool) -> aiohttp.ClientSession:
    """The seats bound the chats, so the connector need not; health must not wait for a chat."""
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


def _give_back(response: aiohttp.ClientResponse) -> None:
    """To the pool when everything was read, else close: a half-read answer must stop."""
    if response.content.at_eof():
        response.release()
    else:
        response.close()


async def _drain(response: aiohttp.ClientResponse) -> None:
    """The answer is whole, so nothing that goes wrong here can spoil it."""
    if response.content.at_eof():
        return
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in response.content.iter_any():
                pass


async def _bounded_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ModelAnswerError(f"the answer is longer than {limit} bytes")
    return body


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


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
