"""TCP ports: which are free, and who of several Assays may have one."""

from __future__ import annotations

import errno
import http.client
import socket
from contextlib import closing
from typing import Self

from core.errors import ConflictError, InvalidError

LOOPBACK = "127.0.0.1"


class PortInUseError(ConflictError):
    """The port is in use."""

    code = "port_in_use"


class AddressError(InvalidError):
    """Nothing can listen on this address."""

    code = "address"


def listening_problem(host: str, port: int) -> OSError | None:
    """Why a server could not listen there now; None when it could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def free_port(host: str = LOOPBACK) -> int:
    """A TCP port nobody uses at the moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def responds(host: str, port: int, path: str) -> bool:
    """Whether GET `path` answers 200."""
    with closing(http.client.HTTPConnection(host, port, timeout=5)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


class Reservation:
    """A port that this Assay means to listen on; another Assay is refused it from now on.

    granian listens with SO_REUSEPORT, so the kernel would let two of them share one port without a
    word, each answering some of the requests. The reservation is an abstract unix socket: like the
    port it belongs to the network namespace, and the kernel ends it with the process.
    """

    def __init__(self, host: str, port: int) -> None:
        """Raises PortInUseError or AddressError when nothing can listen there."""
        self._mark = socket.socket(socket.AF_UNIX)
        try:
            self._mark.bind(f"\0assay-port-{port}")
            problem = listening_problem(host, port)
        except OSError as error:
            problem = error
        if problem is None:
            return
        self.release()
        if problem.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"port {port} on {host} is in use", hint="choose another: --port, --stream-port"
            )
        raise AddressError(f"cannot listen on {host} port {port}: {problem.strerror}")

    def release(self) -> None:
        """Give the port up."""
        self._mark.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
