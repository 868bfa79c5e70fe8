"""A receiver of OTLP over HTTP and of scores on loopback, as Langfuse is one."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.loopback import Quiet, on_loopback

TRACES = "/api/public/otel/v1/traces"
SCORES = "/api/public/scores"


@dataclass(frozen=True)
class Span:
    """A span as it came over the wire. Times are nanoseconds."""

    trace_id: str
    span_id: str
    parent: str
    scope: str
    name: str
    started: int
    ended: int
    failed: bool
    attributes: dict[str, Any]

    def json(self, name: str) -> Any:
        """An attribute that holds JSON."""
        return json.loads(self.attributes[name])

    @property
    def metadata(self) -> dict[str, Any]:
        prefix = "langfuse.observation.metadata."
        return {
            key.removeprefix(prefix): json.loads(value)
            for key, value in self.attributes.items()
            if key.startswith(prefix)
        }


@dataclass
class LangfuseServer:
    """Keeps what it is sent. `status` answers everything; `hang_at` a path that gets no answer."""

    status: int = 0
    hang_at: str = ""
    spans: list[Span] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"langfuse": self})
        self._running = ExitStack()
        self.url = f"http://{self._running.enter_context(on_loopback(handler))}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.let_go.set()
        self._running.close()


class _Handler(Quiet, BaseHTTPRequestHandler):
    langfuse: LangfuseServer

    def do_GET(self) -> None:
        """Nothing here is asked for anything."""
        self.langfuse.calls.append(self.path)
        self._answer(404, b"{}")

    def do_POST(self) -> None:
        seen = self.langfuse
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        seen.calls.append(self.path)
        _, _, credentials = self.headers.get("Authorization", "").partition("Basic ")
        seen.users.add(base64.b64decode(credentials).decode())
        if self.path == seen.hang_at:
            seen.let_go.wait(60)
            self.close_connection = True
        elif seen.status:
            self._answer(seen.status, b'{"message": "MARKED, out of order"}')
        elif self.path == TRACES:
            seen.spans += _spans(body)
            self._answer(200, b"", "application/x-protobuf")
        elif self.path == SCORES:
            found = json.loads(body)
            seen.scores += found
            self._answer(202, json.dumps({"scores": [{"id": one["id"]} for one in found]}).encode())
        else:
            self._answer(404, b"{}")

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    return [
        Span(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            scope=scope.scope.name,
            name=span.name,
            started=span.start_time_unix_nano,
            ended=span.end_time_unix_nano,
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
            attributes={one.key: _value(one.value) for one in span.attributes},
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
