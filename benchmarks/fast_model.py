"""A model server that costs next to nothing: raw asyncio, one write an answer, its own process.

It waits SECONDS before an answer and keeps its connections. A probe of the fingerprint (one token)
is answered at once, as a short answer of a real server would be.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

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
_WHOLE = _answer(["The", " cust", "omer", " is", " ha", "ppy", "."])


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            body = await reader.readexactly(int(length))
            if b'"top_logprobs"' in body:
                writer.write(_PROBED)
            else:
                await asyncio.sleep(seconds)
                writer.write(_WHOLE)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _serve(ready: Connection, seconds: float) -> None:
    async def forever() -> None:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _serve_one(reader, writer, seconds)

        server = await asyncio.start_server(one, "127.0.0.1", 0, backlog=512)
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
