"""Counts that are known already, by the digest of the text."""

from __future__ import annotations

import threading
from hashlib import sha256

#: Of one model: some 10 MB.
_MOST = 100_000


class Counts:
    """Tokens of texts. It forgets the oldest; several threads may use it."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def get(self, text: str) -> int | None:
        """None for a text that is not known."""
        return self._known.get(_key(text))

    def put(self, text: str, tokens: int) -> None:
        """Remember it."""
        with self._lock:
            self._known[_key(text)] = tokens
            while len(self._known) > _MOST:
                del self._known[next(iter(self._known))]


def _key(text: str) -> bytes:
    return sha256(text.encode()).digest()[:16]
