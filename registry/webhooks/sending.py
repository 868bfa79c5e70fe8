"""One POST to a stranger: to a checked address, without redirects, and not for long."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.errors import RefusedError, UnavailableError
from registry.domain.egress import Network, may_be_reached
from registry.outbox import PermanentDeliveryError

_SECONDS = 15
_GONE = 410


class AddressRefusedError(RefusedError):
    """The receiver's address is inside a network that webhooks must not reach."""

    code = "address_refused"
    hint = "allow it with ASSAY_WEBHOOK_ALLOW, if it is yours"


class WebhookFailedError(UnavailableError):
    """The receiver did not take the message."""

    code = "webhook_failed"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go, and what they are signed with."""

    name: str
    url: str
    secret: str = field(repr=False)
    #: Networks it may be in although they are not public.
    allowed: tuple[Network, ...] = ()


def post(receiver: Receiver, body: bytes, headers: Mapping[str, str]) -> None:
    """Send it. Raises WebhookFailedError, AddressRefusedError; PermanentDeliveryError for 410."""
    parts = urlsplit(receiver.url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, receiver.allowed)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, dict(headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise WebhookFailedError(f"{receiver.name}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if status == _GONE:
        raise PermanentDeliveryError(f"{receiver.name} answered 410: it wants no more")
    if not 200 <= status < 300:
        # A redirect as well: it would lead where nobody has looked.
        raise WebhookFailedError(f"{receiver.name} answered {status}")


def _connection(
    scheme: str, host: str, port: int | None, allowed: Sequence[Network]
) -> http.client.HTTPConnection:
    if scheme == "https":
        return _CheckedTls(host, port, allowed)
    return _Checked(host, port, allowed)


class _Checked(http.client.HTTPConnection):
    """Looks the name up once, and connects to what was checked: a second look-up could differ."""

    def __init__(self, host: str, port: int | None, allowed: Sequence[Network]) -> None:
        super().__init__(host, port, timeout=_SECONDS)
        self._allowed = allowed

    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, self._allowed)


class _CheckedTls(http.client.HTTPSConnection):
    """The same, with the certificate still checked against the name."""

    def __init__(self, host: str, port: int | None, allowed: Sequence[Network]) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(host, port, timeout=_SECONDS, context=self._tls)
        self._allowed = allowed

    def connect(self) -> None:
        plain = _connected(self.host, self.port, self._allowed)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _connected(host: str, port: int, allowed: Sequence[Network]) -> socket.socket:
    """A connection to the first address of `host`, if every one of them may be reached."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not all(may_be_reached(address, allowed) for address in addresses):
        raise AddressRefusedError(f"{host} is not a public address")
    return socket.create_connection((addresses[0], port), timeout=_SECONDS)
