"""A loopback HTTP server: it gives the answers a test wrote down and remembers the questions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import Quiet


@dataclass(frozen=True)
class Reply:
    """One answer. `raw` replaces the JSON body; `status` 0 breaks the connection instead."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


DROPPED = Reply(status=0)


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class ScriptedServer:
    """`script("GET /me", Reply(…), …)`: the answers in order; the last one is given for ever."""

    def __init__(self, port: int = 0) -> None:
        self.received: list[Received] = []
        self._scripts: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def script(self, what: str, *replies: Reply | dict[str, Any]) -> None:
        method, path = what.split(" ")
        answers = [r if isinstance(r, Reply) else Reply(r) for r in replies]
        self._scripts[f"{method} /api/v1{path}"] = answers

    def asked(self, what: str) -> list[Received]:
        method, path = what.split(" ")
        return [r for r in self.received if (r.method, r.path) == (method, f"/api/v1{path}")]

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _next(self, received: Received) -> Reply:
        with self._lock:
            self.received.append(received)
            answers = self._scripts.get(f"{received.method} {received.path}")
            if not answers:
                detail = f"nothing scripted for {received.method} {received.path}"
                return Reply({"detail": detail, "code": "not_scripted"}, 404)
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                data = self.rfile.read(length)
                received = Received(
                    method=self.command,
                    path=parts.path,
                    query={key: values[0] for key, values in parse_qs(parts.query).items()},
                    headers={key.lower(): value for key, value in self.headers.items()},
                    body=json.loads(data) if data else None,
                )
                reply = script._next(received)
                if reply.status == 0:
                    self.close_connection = True
                    return
                body = json.dumps(reply.body).encode() if reply.raw is None else reply.raw
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

        return Handler
