"""A real granian with the stream listener's application, and clients of its events."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from django.db import connection

from config.embedded import ports


@dataclass(frozen=True)
class Listener:
    """Where it answers, and its main process."""

    port: int
    process: subprocess.Popen[bytes]
    clients: list[Client] = field(default_factory=list)

    def get(
        self, path: str, token: str = "", *, method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """A whole answer: status, headers in small letters, body."""
        link = http.client.HTTPConnection(ports.LOOPBACK, self.port, timeout=20)
        try:
            link.request(method, path, headers=_headers(token, headers))
            answer = link.getresponse()
            sent = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, sent, answer.read()
        finally:
            link.close()

    def client(
        self, token: str = "", query: str = "", *, path: str = "/api/v1/stream", **headers: str
    ) -> Client:
        """Somebody who listens, and has been told where the stream begins."""
        client = Client(self.port, token, path + query, headers)
        self.clients.append(client)
        return client.begin()

    def leave(self) -> None:
        """Everybody goes away."""
        for client in self.clients:
            client.close()
        self.clients.clear()


@dataclass(frozen=True)
class Event:
    """One event as it came."""

    kind: str
    #: 0 for events that have none.
    id: int
    data: dict[str, Any]


@dataclass
class Client:
    """Reads a stream in a thread of its own until it ends."""

    port: int
    token: str
    target: str = "/api/v1/stream"
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    retry: int = 0
    last_id: str = ""
    #: The part of the id that is the registry's revision.
    revision: str = ""
    has_ended: bool = False

    def begin(self) -> Self:
        self._socket = socket.create_connection((ports.LOOPBACK, self.port), timeout=30)
        lines = [f"GET {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in _headers(self.token, self.headers).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._answer = http.client.HTTPResponse(self._socket, method="GET")
        self._answer.begin()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        eventually(lambda: self.events or self.has_ended)
        assert self._answer.status == 200, self._answer.status
        return self

    def _read(self) -> None:
        fields: dict[str, str] = {}
        with suppress(OSError, http.client.HTTPException), self._socket, self._answer:
            for raw in self._answer:
                line = raw.decode().removesuffix("\n")
                if line:
                    name, _, value = line.partition(": " if line[0] != ":" else ":")
                    fields[name] = value
                elif fields:
                    self._take(fields)
                    fields = {}
        self.has_ended = True

    def _take(self, fields: dict[str, str]) -> None:
        self.last_id = fields.get("id", self.last_id)
        self.revision = self.last_id.partition("-")[0]
        self.retry = int(fields.get("retry", self.retry))
        if "" in fields:
            self.comments.append(fields[""].strip())
        if "data" in fields:
            data = json.loads(fields["data"])
            self.events.append(Event(fields["event"], int(self.revision or 0), data))

    def moves(self) -> list[tuple[str, str, int | None]]:
        """Prompt, tag and version of each move."""
        return [
            (e.data["prompt"], e.data["tag"], e.data["version"])
            for e in self.events
            if e.kind == "tag.moved"
        ]

    def close(self) -> None:
        """Go away without a word."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()


def _headers(token: str, headers: dict[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"host": "testserver", **({"Authorization": token} if token else {}), **named}


_OPTIONS = {
    "asgi": ["--loop", "asyncio", "--backlog", "4096", "--backpressure", "65536"],
    "wsgi": ["--blocking-threads", "4"],
}


@contextmanager
def listening(
    *, interface: str = "asgi", heartbeat_seconds: int = 1, port: int = 0, **settings: str
) -> Iterator[Listener]:
    """A listener of its own over this test's database: the stream's, or the web's with `wsgi`."""
    port = port or ports.free_port()
    argv = [sys.executable, "-m", "granian", "--interface", interface, "--http", "1"]
    argv += ["--port", str(port), "--workers-kill-timeout", "3", f"config.{interface}:application"]
    argv += _OPTIONS[interface]
    environment = {**os.environ, "ASSAY_STREAM_HEARTBEAT_SECONDS": str(heartbeat_seconds)}
    environment |= {"DATABASE_URL": _database(), "ASSAY_ALLOWED_HOSTS": "testserver,127.0.0.1"}
    # Compiled once: tests.services says where to.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(argv, env={**environment, **settings})
    try:
        eventually(partial(_answers, process, port), seconds=180)
        yield Listener(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, "it has ended"
    return ports.responds(ports.LOOPBACK, port, "/healthz")


def _database() -> str:
    """The URL of the database that pytest-django made."""
    found = connection.settings_dict
    return (
        f"postgresql://{found['USER']}:{found['PASSWORD']}@:{found['PORT']}/{found['NAME']}"
        # The tables are emptied between tests: perhaps a deadlock with what the listener reads, and
        # PostgreSQL breaks off who looks for one first. The listener connects again.
        f"?host={found['HOST']}&options=-c%20deadlock_timeout%3D50ms"
    )


def eventually(is_so: Callable[[], object], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)
