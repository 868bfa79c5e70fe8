"""What one client is told, and how far it has been."""

from __future__ import annotations

from config.stream.prompts import Prompts
from config.stream.window import Window
from registry.lookup.loading import Token

#: Moves looked at, and bytes sent, before others have their turn.
_MOST_AT_ONCE, _MOST_BYTES = 500, 65_536
_ANOTHER = "the registry's history is another one"


class Reader:
    """How far a client has been told."""

    def __init__(self, window: Window, wanted: Prompts, last_id: str) -> None:
        """`last_id` as the client sent it; empty: it begins now."""
        self._window, self._wanted = window, wanted
        self._allowed: tuple[str, ...] | None = None
        self._within = Prompts()
        self._history = window.history
        self._reset = ""
        self._has_begun = False
        self.position = window.revision
        revision, _, incarnation = last_id.partition("-")
        if revision.isascii() and revision.isdigit() and len(revision) < 19:
            self.position = int(revision)
            if incarnation and incarnation != window.incarnation:
                self._reset, self.position = _ANOTHER, window.revision
        elif last_id:
            self._reset = "the Last-Event-ID is not a registry revision"

    @property
    def is_behind(self) -> bool:
        """Whether there are moves that were not looked at yet."""
        return self.position < self._window.revision

    def next(self, token: Token, *, is_sure: bool) -> bytes:
        """What to say now; empty when there is nothing."""
        self._limit(token)
        window = self._window
        if window.history != self._history:
            self._history, self.position = window.history, window.revision
            self._reset = _ANOTHER
        elif self.position < window.known_since:
            self.position = window.revision
            self._reset = "there were more moves than are kept"
        elif self.position > window.revision and is_sure:
            self.position = window.revision
            self._reset = "the registry never was at that revision"
        if self._reset:
            data = {**self._now(), "reason": self._reset}
            self._reset, self._has_begun = "", True
            return window.frame("reset", self.position, data)
        if not self._has_begun:
            self._has_begun = True
            return window.frame("ready", self.position, self._now())
        return self._moves()

    def _now(self) -> dict[str, object]:
        incarnation = self._window.incarnation
        return {"registry_revision": self.position, "incarnation": incarnation}

    def _moves(self) -> bytes:
        frames, size = [], 0
        for count, (revision, prompt, encoded) in enumerate(self._window.after(self.position)):
            if count >= _MOST_AT_ONCE or size >= _MOST_BYTES:
                break
            self.position = revision
            if prompt in self._within and prompt in self._wanted:
                frames.append(encoded)
                size += len(encoded)
        return b"".join(frames)

    def _limit(self, token: Token) -> None:
        """A token may be given other prompts while it is connected."""
        allowed = token.prompts.prompts if token.prompts else ()
        if allowed == self._allowed:
            return
        if self._allowed is not None:
            self._reset = "the token covers other prompts by now"
        self._allowed, self._within = allowed, Prompts(allowed)
