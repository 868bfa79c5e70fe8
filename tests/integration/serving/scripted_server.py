"""A model server whose every byte on the wire is written by the test.

Raw sockets and not a web framework: the nasty cases are split lines, missing chunk ends, half heads
and resets, which no framework would send.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from serving.client import ChatRequest, Endpoint, Message, ModelClient

HELLO = ChatRequest((Message("user", "Hello"),), {"temperature": 0, "max_tokens": 8})


class Act(Enum):
    """What a server can do besides writing bytes."""

    HANG_UP = "close the connection properly"
    RESET = "reset the connection"
    WAIT = "say nothing until the client hangs up"


Reply = tuple[bytes | Act, ...]


@dataclass(frozen=True)
class Received:
    """One request as it came in. Header names are in lower case; connections count from 1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Plays one reply per request; the last one again and again."""

    def __init__(
        self, *replies: Reply, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.host, self.tls = host, tls
        self.replies = list(replies)
        self.received: list[Received] = []
        self.connections = 0
        self.client_hung_up = asyncio.Event()
        self._arrival = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        scheme, host = "https" if self.tls else "http", self.host
        host = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{host}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def requests(self, count: int) -> None:
        """Wait until `count` requests have come in."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.received) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            while await self._answer_one(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _answer_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:] if h)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        async with self._arrival:
            self.received.append(Received(method, path, headers, body, number))
            self._arrival.notify_all()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        for step in reply:
            if not await self._do(step, reader, writer):
                return False
        return True

    async def _do(
        self, step: bytes | Act, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
            # Let the client read this piece by itself, so that chunk borders are real.
            await asyncio.sleep(0)
            return True
        if step is Act.WAIT:
            while await reader.read(1024):
                pass
            self.client_hung_up.set()
        if step is Act.RESET:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return False


@asynccontextmanager
async def served(
    *replies: Reply, **settings: Any
) -> AsyncIterator[tuple[ScriptedServer, ModelClient]]:
    """A server that plays `replies` and a client for it; `settings` are Endpoint's."""
    async with ScriptedServer(*replies) as server:
        endpoint = Endpoint(server.url, "tiny", **settings)
        async with ModelClient(endpoint) as client:
            yield server, client


def head(status: str = "200 OK", content_type: str = "text/event-stream", **more: str) -> bytes:
    """A response head. Keywords are header names with underscores."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


CHUNKED_HEAD = head(Transfer_Encoding="chunked")
CHUNKED_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def stream(*pieces: bytes) -> Reply:
    """A whole chunked event stream; every piece is sent by itself."""
    return (CHUNKED_HEAD, *(chunk(piece) for piece in pieces), CHUNKED_END)


def plain(status: str, body: bytes | dict[str, Any], **more: str) -> Reply:
    """A whole answer with a length; a dict is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (head(status, "application/json", Content_Length=str(len(data)), **more) + data,)


def event(data: dict[str, Any] | str, end: str = "\n") -> bytes:
    """One event with one data line."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"data: {text}{end}{end}".encode()


def delta(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat completion as OpenAI sends it."""
    inner: dict[str, Any] = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": inner, "finish_reason": finish, "logprobs": None}
    return _chunk_of([choice]) | more


def usage(prompt: int = 7, completion: int = 2, **more: Any) -> dict[str, Any]:
    """The last chunk of a stream that was asked for its usage."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    total = {"total_tokens": prompt + completion}
    return _chunk_of([]) | {"usage": counts | total | more}


def answer(*contents: str, end: str = "\n") -> list[bytes]:
    """The events of a whole, well-behaved answer."""
    events: Iterable[dict[str, Any] | str] = (
        delta(""),
        *(delta(content) for content in contents),
        delta(finish="stop"),
        usage(),
        "[DONE]",
    )
    return [event(data, end) for data in events]


def _chunk_of(choices: list[Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "tiny",
        "system_fingerprint": "fp-1",
        "choices": choices,
    }
