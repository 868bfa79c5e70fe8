"""A thousand clients of the stream in one event loop, as well-behaved ones are written.

Each remembers what it was told and when, comes back after the pause that it was told, and asks for
what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import resource
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class SseClient:
    """What one client heard. Times are of time.perf_counter."""

    url: str
    token: str
    last_id: str = ""
    retry_seconds: float = 1.0
    heard: list[tuple[float, int]] = field(default_factory=list)
    connected_at: list[float] = field(default_factory=list)
    resets: int = 0
    is_connected: bool = False

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._listen()
            self.is_connected = False
            # Nobody there yet: not all at the same moment again.
            await asyncio.sleep(self.retry_seconds * random.uniform(0.8, 1.2))

    async def _listen(self) -> None:
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            resume = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
            writer.write(
                f"GET {parts.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
                f"{self.token}\r\n{resume}\r\n".encode()
            )
            if b" 200 " not in await reader.readline():
                return
            event = b""
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    event = line[7:-1]
                elif line.startswith(b"data: "):
                    self._take(event, json.loads(line[6:]))
                elif line.startswith(b"retry: "):
                    self.retry_seconds = int(line[7:]) / 1000
        finally:
            writer.close()

    def _take(self, event: bytes, data: dict[str, int]) -> None:
        now, revision = time.perf_counter(), data["registry_revision"]
        self.last_id = str(revision)
        if event == b"tag.moved":
            self.heard.append((now, revision))
            return
        self.resets += event == b"reset"
        self.connected_at.append(now)
        self.is_connected = True


def allow_many_files() -> None:
    """Each connection is an open file."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def until(clients: list[SseClient], *, revision: int = 0, seconds: float = 120) -> None:
    """Until all are connected and have been told of `revision`."""
    end = time.perf_counter() + seconds
    while not all(c.is_connected and int(c.last_id or 0) >= revision for c in clients):
        assert time.perf_counter() < end, "clients are missing"
        await asyncio.sleep(0.01)
