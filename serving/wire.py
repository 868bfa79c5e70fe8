"""One connection to a model server: HTTP/1.1, one request after the other.

asyncio has the sockets and TLS, and llhttp (by httptools) takes answers apart. What is ours is the
clock: bytes carry the time when they came in, not the time when the task that waits for them had
its turn. At 64 streams in one loop the two are milliseconds apart.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

#: No server of models sends this much before its answer.
_HEAD_BYTES = 64 * 1024
_FIRST_STATUS, _FIRST_FINAL_STATUS = 100, 200


class NotHttpError(Exception):
    """What came is no answer of HTTP/1."""


class LostError(Exception):
    """The connection is gone before the answer was whole. `in_body`: after its head."""

    def __init__(self, reason: str, *, in_body: bool) -> None:
        super().__init__(reason)
        self.in_body = in_body


class Piece(NamedTuple):
    """Of a body, as it came: `arrived` is what `time.perf_counter` said then, in seconds."""

    arrived: float
    data: bytes


class Connection(asyncio.Protocol):
    """Made by `loop.create_connection(Connection, ...)`; for that loop alone.

    `send`, `head`, then `next` until it gives None. `is_whole` then, and another request may follow
    when `may_be_used_again`. Everything else ends in `close`.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._waiting: asyncio.Future[None] | None = None
        self._is_gone = asyncio.get_running_loop().create_future()
        self._is_asked = False
        self._is_closed = False
        self._begin()

    def _begin(self) -> None:
        """Nothing of an answer is here."""
        self.status = 0
        #: Names in lower case; of several with one name the first.
        self.headers: dict[str, str] = {}
        self.has_begun = False
        self.is_whole = False
        self._keeps_alive = False
        self._is_interim = False
        self._unread: deque[Piece] = deque()
        self._fed: list[bytes] = []
        self._head_bytes = 0
        self._failure: Exception | None = None

    def send(self, request: bytes) -> None:
        """Send a whole request, in this turn of the loop."""
        self._begin()
        self._is_asked = True
        if self._is_gone.done():
            self._fail(LostError("it was closed", in_body=False))
        else:
            self._transport.write(request)

    async def head(self) -> None:
        """Wait for the head of the answer.

        Raises LostError and NotHttpError. `has_begun` then tells whether anything had come.
        """
        while not self.status:
            await self._news()

    async def next(self) -> Piece | None:
        """What came of the body since the last call; waits for it; None at the end.

        Raises LostError and NotHttpError.
        """
        while not self._unread:
            if self.is_whole:
                return None
            await self._news()
        return self._unread.popleft()

    @property
    def is_done(self) -> bool:
        """Whether the answer is whole and read."""
        return self.is_whole and not self._unread

    @property
    def may_be_used_again(self) -> bool:
        """Whether a request can follow: an answer may come before all of the one before it went."""
        return (
            self.is_whole
            and self._keeps_alive
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
        )

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of it: a turn of the loop after `close`."""
        return self._is_gone.done()

    def close(self) -> None:
        """At once, which makes a server stop that is still answering."""
        self._is_closed = True
        self._transport.abort()

    async def closed(self) -> None:
        """Wait until nothing is left of it."""
        await asyncio.shield(self._is_gone)

    async def _news(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.is_whole and self._failure is None:
            self._failure = error
        self._wake()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes are here."""
        arrived = time.perf_counter()
        if not self._is_asked or self.is_whole:  # to no question
            self.close()
            return
        self.has_begun = True
        if not self.status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._keeps_alive = False
            self._fail(NotHttpError())
            self.close()
        if self._fed:
            self._unread.append(Piece(arrived, b"".join(self._fed)))
            self._fed.clear()
        if not self.status and self._head_bytes > _HEAD_BYTES:
            self._fail(NotHttpError())
            self.close()
        if self.status:
            self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed, by whomever."""
        self._is_gone.set_result(None)
        if self.status and error is None and self._ends_with_connection and not self._is_closed:
            self.is_whole = True
            self._wake()
        reason = str(error) if error else "the server closed it"
        self._fail(LostError(reason, in_body=bool(self.status)))

    @property
    def _ends_with_connection(self) -> bool:
        """RFC 9112, 6.3: a body that has neither a length nor chunks."""
        return not self.headers.keys() & {"content-length", "transfer-encoding"}

    # What llhttp calls.

    def on_message_begin(self) -> None:
        """A head begins: a second one is to no question."""
        if self.is_whole:
            self._keeps_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line of the head, or behind the last chunk."""
        if not self.status:
            self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """The head is here, be it of an interim answer (100, 103)."""
        status = self._parser.get_status_code()
        self._is_interim = _FIRST_STATUS <= status < _FIRST_FINAL_STATUS
        if self._is_interim:
            self.headers.clear()
        elif status < _FIRST_STATUS:
            self._fail(NotHttpError())
            self.close()
        elif not self.status:
            self.status = status

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if not self.is_whole:
            self._fed.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._is_interim or self.is_whole:
            return
        self.is_whole = True
        self._keeps_alive = self._parser.should_keep_alive()
