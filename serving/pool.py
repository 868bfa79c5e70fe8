"""The connections to one model server: made when they are needed, kept while they are."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from urllib.parse import urlsplit

from serving.messages import Endpoint
from serving.wire import Connection

#: Servers close what is idle for longer, and a request that crosses that is sent twice.
_IDLE_SECONDS = 15.0
#: RFC 8305, 8: before the next address of a name is tried beside the first.
_NEXT_ADDRESS_SECONDS = 0.25


class NoConnectionError(Exception):
    """Nobody listens, or the name is none, or TLS fails."""


class SlowConnectionError(Exception):
    """No connection within its time."""


class UntrustedError(Exception):
    """Its certificate is not of somebody whom this machine trusts, or of another host."""


class Pool:
    """For one event loop; close it there. Whoever has a connection has it alone."""

    def __init__(self, endpoint: Endpoint) -> None:
        """No connection is made yet."""
        self.endpoint = endpoint
        self._open: set[Connection] = set()
        self._closing: set[Connection] = set()
        self._closes_unannounced = False
        #: Who was used last is used next, so that those nobody needs grow old.
        self._idle: list[tuple[float, Connection]] = []
        self._tls: ssl.SSLContext | None = None

    @property
    def is_sure(self) -> bool:
        """Whether a request may follow in the turn of the loop in which another one ended.

        Only a turn later it is known whether the server has closed an idle connection, if it is one
        that does so without a word; and only then what was broken off is gone, so that no server
        has one request too many.
        """
        self._closing = {connection for connection in self._closing if not connection.is_gone}
        return not (self._closes_unannounced or self._closing)

    def idle(self) -> Connection | None:
        """One that waits for a request; None when none does."""
        while self._idle:
            since, connection = self._idle.pop()
            if connection.may_be_used_again and time.monotonic() - since < _IDLE_SECONDS:
                return connection
            self._drop(connection)
        return None

    async def fresh(self) -> Connection:
        """A new one. Raises NoConnectionError, SlowConnectionError, UntrustedError."""
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
            raise UntrustedError from None
        except TimeoutError:
            raise SlowConnectionError from None
        except OSError as error:
            raise NoConnectionError(str(error)) from None
        self._open.add(connection)
        return connection

    def take_back(self, connection: Connection) -> None:
        """Keep it when everything was read, else close it: a server must not go on with an answer
        that nobody waits for.
        """
        if connection.is_done and connection.may_be_used_again:
            self._idle.append((time.monotonic(), connection))
        else:
            self._drop(connection)

    def was_closed(self, connection: Connection) -> None:
        """Note that an idle one was closed before the request that it got."""
        self._closes_unannounced = True
        self._drop(connection)

    async def close(self) -> None:
        """Close every connection."""
        for connection in tuple(self._open):
            self._drop(connection)
        for connection in tuple(self._closing):
            await connection.closed()

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._open.discard(connection)
        if not connection.is_gone:
            self._closing.add(connection)


def _next_address_seconds(host: str) -> float | None:
    """None where there is one address: asyncio's race of several loses the socket of a connection
    that is made just when nobody wants it any more.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _NEXT_ADDRESS_SECONDS
    return None
