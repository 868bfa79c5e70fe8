"""A model server that costs next to nothing: raw asyncio, one write an answer, its own process.

It waits SECONDS before an answer and keeps its connections. An answer has seven tokens; a probe of
the fingerprint has one and takes a seventh of the time. `/health`, `/version` and the like it does
not know, as many servers do not.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast

TEXT = "The customer is happy."
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


def _event(choices: list[object], **more: object) -> bytes:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fast"}
    data = f"data: {json.dumps(chunk | {'choices': choices} | more)}\n\n".encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _answer(words: list[str], logprobs: object = None) -> bytes:
    """Head, one event a word, the finish reason, the usage, the end."""
    said = [{"delta": {"content": word}, "logprobs": logprobs} for word in words]
    choices = [*said, {"delta": {}, "finish_reason": "stop"}]
    events = [_event([{"index": 0, "finish_reason": None} | choice]) for choice in choices]
    counts = {"prompt_tokens": 200, "completion_tokens": len(words)}
    return b"".join([_HEAD, *events, _event([], usage=counts), _END])


_LIKELY = [{"token": f"t{n}", "bytes": [97 + n], "logprob": -0.5 - n} for n in range(8)]
_PROBED = _answer(["a"], {"content": [{"top_logprobs": _LIKELY}]})
_WORDS = ["The", " cust", "omer", " is", " ha", "ppy", "."]
_WHOLE = _answer(_WORDS)
_TOKENS = len(_WORDS)
_UNKNOWN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class _Model(asyncio.Protocol):
    """One connection: whole requests in, one write for each after its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, blank, body = self.got.partition(b"\r\n\r\n")
        if not blank:
            return
        _, _, counted = head.lower().partition(b"content-length:")
        length = int(counted.split(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        self.got = b""
        if b"/chat/completions " not in head.partition(b"\r\n")[0]:
            self.transport.write(_UNKNOWN)
            return
        is_probe = b'"top_logprobs"' in body
        seconds, answer = (self.seconds / _TOKENS, _PROBED) if is_probe else (self.seconds, _WHOLE)
        asyncio.get_running_loop().call_later(seconds, self.transport.write, answer)


def _serve(ready: Connection, seconds: float) -> None:
    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Model(seconds), "127.0.0.1", 0, backlog=512)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


@contextmanager
def fast_model(seconds: float) -> Iterator[str]:
    """The base URL of a server that answers after that many seconds."""
    context = multiprocessing.get_context("spawn")
    ready, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, seconds), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ready.recv()}"
    finally:
        server.terminate()
        server.join()
