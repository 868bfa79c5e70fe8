"""Bodies of requests are taken in before anything waits for them, strangers' a few at a time.

Who sends a byte a minute holds a thread for as long, and a web process has a handful (P6): without
a limit some of them keep every lookup waiting. The limits hold for each process; a proxy in front
that takes bodies in whole keeps such senders away altogether.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from django.conf import settings

from registry.api.problem import problem_body
from registry.lookup import NO_STORE, Reply

#: Threads that wait for strangers' bodies, of the four that a process has.
_MOST = 2
#: A body comes with its headers, or a moment later. Whoever takes longer is waited for by no more.
_PATIENCE_SECONDS = 0.25
_RETRY_SECONDS = 2


class Bodies:
    """Who is waited for in this process."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._changed = threading.Condition()
        self._begun: dict[object, float] = {}

    def take_in(self, environ: dict[str, Any], *, is_known: bool) -> Reply | None:
        """Read the body of a stranger's request; who `is_known` may take their time. None: go on.

        Bodies are read to the byte that makes them too large, which is for others to judge.
        """
        length: str = environ.get("CONTENT_LENGTH", "")
        if is_known or not (length.isascii() and length.isdigit() and int(length)):
            return None
        wanted = min(int(length), settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        with self._place() as has_place:
            if not has_place:
                told = "this server waits for the bodies of other requests"
                return _refusal(503, "busy", told, ("Retry-After", str(_RETRY_SECONDS)))
            body = _read(environ["wsgi.input"], wanted)
        if len(body) < wanted:
            return _refusal(400, "bad_request", "the body broke off")
        environ["wsgi.input"] = BytesIO(body)
        return None

    @contextmanager
    def _place(self) -> Iterator[bool]:
        """Whether there was one, for the block; waited for as long as one may soon be free."""
        me = object()
        if not self._entered(me):
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                del self._begun[me]
                self._changed.notify()

    def _entered(self, me: object) -> bool:
        with self._changed:
            until = time.monotonic() + _PATIENCE_SECONDS
            while len(self._begun) >= _MOST:
                # Once all of them are slow, nobody waits for a place.
                until = min(until, max(self._begun.values()) + _PATIENCE_SECONDS)
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            self._begun[me] = time.monotonic()
            return True


def _read(stream: Any, wanted: int) -> bytes:
    """As much of it as comes: less when the sender goes."""
    try:
        return bytes(stream.read(wanted))
    except OSError:
        return b""


def _refusal(status: int, code: str, detail: str, *headers: tuple[str, str]) -> Reply:
    body = json.dumps(problem_body(status, code, detail)).encode()
    return Reply(status, [NO_STORE, ("Content-Type", "application/problem+json"), *headers], body)
