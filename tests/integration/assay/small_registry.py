"""A registry in memory that answers by the real encoders, and a small real HTTP server for it.

Nothing of the client is in here: what it is told is what `registry.lookup` says.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from core.digest import digest
from core.errors import AssayError
from registry import lookup
from registry.api.problems import body_of
from registry.lookup.body import encoded_text
from registry.lookup.reading_many import Shelf
from registry.lookup.values import Entry, Model, Pointer, Text
from tests.loopback import Quiet

VARIABLES = {"name": {"type": "string"}}


def text(number: int, template: str = "Hello {{ name }}, v") -> Text:
    content = {"type": "text", "variables": VARIABLES, "parameters": {"temperature": 0}}
    body = f"{template}{number}"
    return encoded_text(number, content, body, digest(body), "c" * 40, "b" * 40)


@dataclass
class SmallRegistry:
    """Prompts with versions 1 to 9, and every state they were ever in, by revision."""

    states: list[dict[str, Entry]] = field(default_factory=lambda: [{}])
    incarnation: str = "019abf3c2b104d0f11aa"

    @property
    def revision(self) -> int:
        return len(self.states) - 1

    def id_of(self, revision: int) -> str:
        """Of an event."""
        return f"{revision}-{self.incarnation}"

    def rebuilt(self) -> SmallRegistry:
        """An empty one that was made later."""
        return SmallRegistry(incarnation=f"{int(self.incarnation, 16) + 1:020x}")

    def point(self, name: str, version: int, tag: str = "stable", weight: int | None = None) -> int:
        """Move a tag; the registry's new revision."""
        entry = self.states[-1].get(name) or self._new(name)
        before = entry.pointers.get(tag)
        pointer = Pointer(
            tag=tag,
            version=version,
            version_digest=entry.texts[version].digest,
            sequence=before.sequence + 1 if before else 1,
            registry_revision=self.revision + 1,
            model=Model("tiny", "tiny", "r1", "d" * 64) if version % 2 else None,
            weight=weight,
            evidence="overridden",
            proof=None,
        )
        return self._put(replace(entry, pointers={**entry.pointers, tag: pointer}))

    def clear(self, name: str, tag: str = "canary") -> int:
        entry = self.states[-1][name]
        rest = {one: pointer for one, pointer in entry.pointers.items() if one != tag}
        return self._put(replace(entry, pointers=rest))

    def _new(self, name: str) -> Entry:
        return Entry(1, name, orphaned=False, texts={n: text(n) for n in range(1, 10)})

    def _put(self, entry: Entry) -> int:
        self.states.append({**self.states[-1], entry.name: replace(entry, faces={})})
        return self.revision

    def body(self, question: lookup.Item, revision: int | None = None) -> dict[str, Any]:
        """What a single lookup says, or said at a revision."""
        shelf = Shelf(self.states[self.revision if revision is None else revision], 0, 0.0)
        found: dict[str, Any] = json.loads(b"".join(shelf.face(question).body))
        return found

    def batch(self, body: dict[str, Any], lag: int = 0) -> bytes:
        """The answer to a batch, by a process that is `lag` revisions behind."""
        revision = max(0, self.revision - lag)
        shelf = Shelf(self.states[revision], revision, 0.0)
        pieces = []
        for given in body["items"]:
            asked = given.get("version") or given.get("tag") or "stable"
            item = lookup.Item(given["name"], asked, "", given.get("if_none_match", ""))
            try:
                pieces.append(lookup.found(item, shelf.face(item)))
            except AssayError as error:
                pieces.append(lookup.refused(item, body_of(error)))
        return lookup.batch(pieces, lookup.Standing(self.incarnation, revision, None)).body


class RegistryServer:
    """Serves a SmallRegistry: `prompts:batch`, and `stream` while there is one."""

    def __init__(self, registry: SmallRegistry | None = None, port: int = 0) -> None:
        self.registry = registry or SmallRegistry()
        self.batches: list[dict[str, Any]] = []
        self.opened: list[str | None] = []
        self.tokens: set[str | None] = set()
        #: Answers in place of a batch: a status and a body.
        self.trouble: tuple[int, bytes] | None = None
        self.lag = 0
        self.has_stream = True
        #: Where the stream is, as a listener says that has none.
        self.stream_told: str | None = None
        self._streams: list[socket.socket] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[RegistryServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.drop()

    def drop(self) -> None:
        """Break every stream."""
        with self._lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def move(self, name: str, version: int, tag: str = "stable", **more: Any) -> int:
        """Move a tag and tell those who listen."""
        revision = self.registry.point(name, version, tag, **more)
        data = {"prompt": name, "tag": tag, "version": version, "revision": 1, "kind": "promoted"}
        id_ = self.registry.id_of(revision)
        self.send(f"id: {id_}\nevent: tag.moved\ndata: {json.dumps(data)}\n\n")
        return revision

    def send(self, chunk: str) -> None:
        """To every open stream."""
        with self._lock:
            for stream in self._streams:
                with suppress(OSError):
                    stream.sendall(chunk.encode())

    @property
    def listeners(self) -> int:
        return len(self._streams)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.batches.append(body)
                server.tokens.add(self.headers.get("Authorization"))
                assert urlsplit(self.path).path == "/api/v1/prompts:batch"
                status, content = server.trouble or (
                    200,
                    server.registry.batch(body, server.lag),
                )
                self._send(status, content)

            def do_GET(self) -> None:
                assert self.path == "/api/v1/stream"
                server.opened.append(self.headers.get("Last-Event-ID"))
                server.tokens.add(self.headers.get("Authorization"))
                if not server.has_stream:
                    told = {"status": 421, "stream": server.stream_told}
                    self._send(421, json.dumps(told).encode())
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b"retry: 10\n\n")
                self.close_connection = True
                with server._lock:
                    server._replay(self.connection, self.headers.get("Last-Event-ID"))
                    server._streams.append(self.connection)
                with suppress(OSError):
                    while self.connection.recv(1024):
                        pass
                with server._lock, suppress(ValueError):
                    server._streams.remove(self.connection)

            def _send(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(content)

        return Handler

    def _replay(self, stream: socket.socket, last: str | None) -> None:
        """What was missed: by name, for each name that changed since."""
        states, id_of = self.registry.states, self.registry.id_of
        digits, _, incarnation = (last or "").partition("-")
        is_ours = digits.isdigit() and incarnation in {"", self.registry.incarnation}
        if not is_ours or int(digits) >= len(states):
            event = "ready" if last is None else "reset"
            head = f"id: {id_of(len(states) - 1)}\nevent: {event}"
            stream.sendall(f"{head}\ndata: {{}}\n\n".encode())
            return
        stream.sendall(f"id: {last}\nevent: ready\ndata: {{}}\n\n".encode())
        for revision in range(int(digits) + 1, len(states)):
            changed = [
                n for n, e in states[revision].items() if states[revision - 1].get(n) is not e
            ]
            for name in changed:
                data = json.dumps({"prompt": name})
                stream.sendall(f"id: {id_of(revision)}\ndata: {data}\n\n".encode())


def eventually(is_so: Callable[[], bool], seconds: float = 20) -> None:
    import time

    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)
