"""Pass traces on to a real Langfuse. Whoever sent them never waits for it, and never notices."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from typing import NamedTuple

import httpx
from django.conf import settings

_log = logging.getLogger(__name__)

_PATH = "/api/public/otel/v1/traces"
_PATIENCE_SECONDS = 10.0
#: Waiting bodies of a process: with a target that is down the newest are dropped.
_MOST_BYTES = 32 * 1024 * 1024
_PASSED_ON = ("Content-Type", "Content-Encoding", "X-Langfuse-Ingestion-Version")


class _Letter(NamedTuple):
    body: bytes
    headers: dict[str, str]


class Forwarder:
    """A queue and, once something is in it, a thread that empties it."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._letters: queue.SimpleQueue[_Letter] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self._is_failing = False

    def send(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Take traces as they came, if there is somewhere to send them and room for them."""
        if not settings.LANGFUSE_FORWARD_URL:
            return
        kept = {name: headers[name] for name in _PASSED_ON if headers.get(name)}
        with self._lock:
            if self._waiting_bytes + len(body) > _MOST_BYTES:
                self._failed("more traces are waiting than are kept")
                return
            self._waiting_bytes += len(body)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
                self._thread.start()
        self._letters.put(_Letter(body, kept))

    def _run(self) -> None:
        with httpx.Client(timeout=_PATIENCE_SECONDS) as client:
            while True:
                letter = self._letters.get()
                try:
                    self._post(client, letter)
                except Exception as error:  # noqa: BLE001 - the next traces may go through
                    self._failed(str(error) or type(error).__name__)
                with self._lock:
                    self._waiting_bytes -= len(letter.body)

    def _post(self, client: httpx.Client, letter: _Letter) -> None:
        answer = client.post(
            settings.LANGFUSE_FORWARD_URL.rstrip("/") + _PATH,
            content=letter.body,
            headers=letter.headers,
            auth=(settings.LANGFUSE_FORWARD_PUBLIC_KEY, settings.LANGFUSE_FORWARD_SECRET_KEY),
        )
        answer.raise_for_status()
        self._is_failing = False

    def _failed(self, why: str) -> None:
        """Said once until it works again."""
        if not self._is_failing:
            _log.warning("traces are not passed on to Langfuse: %s", why)
        self._is_failing = True


FORWARDER = Forwarder()
