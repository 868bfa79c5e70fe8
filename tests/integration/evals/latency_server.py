"""A streaming model server on loopback that keeps the order of what it was asked, and counts."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from tests.loopback import Quiet, on_loopback

#: What the test wants for a question: the pieces of the answer, an HTTP status, or silence.
Reply = tuple[str, ...] | int | None


@dataclass(frozen=True)
class Asked:
    """One chat as it came in."""

    question: str
    body: dict[str, Any]
    running: int


@dataclass
class LatencyServer:
    """`reply(question, nth)` decides; `nth` counts all chats, from 1. Every prompt has 10 tokens,
    8 of them cached, which /metrics tells unless `has_metrics` is False.
    """

    reply: Callable[[str, int], Reply] = lambda _question, _nth: ("one ", "two ", "three")
    has_metrics: bool = True
    asked: list[Asked] = field(default_factory=list)
    metrics_read: int = 0
    running: int = 0
    broken_off: threading.Event = field(default_factory=threading.Event)
    _change: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"model": self})
        self._running = ExitStack()
        self.url = f"http://{self._running.enter_context(on_loopback(handler))}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def questions(self) -> list[str]:
        """In the order they came in."""
        return [asked.question for asked in self.asked]

    @property
    def most_at_once(self) -> int:
        return max(asked.running for asked in self.asked)

    def take_in(self, body: dict[str, Any]) -> Reply:
        question = body["messages"][-1]["content"]
        with self._change:
            self.running += 1
            self._change.notify_all()
            self.asked.append(Asked(question, body, self.running))
            nth = len(self.asked)
        return self.reply(question, nth)

    def done(self) -> None:
        with self._change:
            self.running -= 1
            self._change.notify_all()

    async def until_running(self, count: int) -> None:
        """Wait until exactly so many chats are being answered."""

        def wait() -> None:
            with self._change:
                assert self._change.wait_for(lambda: self.running == count, timeout=20)

        await asyncio.to_thread(wait)

    def metrics(self) -> bytes:
        with self._change:
            self.metrics_read += 1
            chats = len(self.asked)
        return (
            f'vllm:prefix_cache_queries_total{{engine="0"}} {chats * 10}.0\n'
            f'vllm:prefix_cache_hits_total{{engine="0"}} {chats * 8}.0\n'
        ).encode()


class _Handler(Quiet, BaseHTTPRequestHandler):
    model: LatencyServer
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        if self.path == "/metrics" and self.model.has_metrics:
            self._write(200, "text/plain", self.model.metrics())
        else:
            self._write(404, "application/json", b'{"error": "not here"}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.model.take_in(body)
        try:
            self._send(reply)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.model.done()

    def _send(self, reply: Reply) -> None:
        if reply is None:
            self.connection.recv(1)  # returns when the client hangs up
            self.model.broken_off.set()
            self.close_connection = True
        elif isinstance(reply, int):
            self._write(reply, "application/json", b'{"error": "scripted"}')
        else:
            self._stream(reply)

    def _stream(self, pieces: tuple[str, ...]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for piece in pieces:
            self._event({"choices": [{"index": 0, "delta": {"content": piece}}]})
            time.sleep(0.001)  # so that pieces are reads of their own
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
        details = {"prompt_tokens_details": {"cached_tokens": 8}}
        counts = {"prompt_tokens": 10, "completion_tokens": len(pieces)}
        self._event({"choices": [], "usage": counts | details})
        self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, data: dict[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(data)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _write(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
