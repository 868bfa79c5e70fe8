"""The floor: an ASGI application that sends one event to everybody when asked, and nothing else."""

from __future__ import annotations

import asyncio
import json

_waiting: set[asyncio.Event] = set()
_sent: list[bytes] = []


def _event(kind: str, number: int) -> bytes:
    # As long as a real one.
    data = json.dumps({"registry_revision": number, "more": "x" * 150})
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode()


async def application(scope, receive, send):  # noqa: ARG001 - ASGI
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["method"] == "POST":
        _sent.append(_event("tag.moved", len(_sent) + 1))
        for waiting in _waiting:
            waiting.set()
        body = str(len(_sent)).encode()
        await send({"type": "http.response.body", "body": body})
        return
    news, told = asyncio.Event(), len(_sent)
    _waiting.add(news)
    body = _event("ready", told)
    while True:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await news.wait()
        news.clear()
        body, told = b"".join(_sent[told:]), len(_sent)
