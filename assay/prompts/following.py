"""Keep what is held fresh: by the event stream, or by polling where there is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from assay.errors import AssayApiError
from assay.prompts.asking import Asking
from assay.prompts.effects import Answered, Close, Open, Read, Steps, Unanswered, Wait
from assay.prompts.lines import Line
from assay.prompts.stream import (
    Known,
    Moved,
    Reset,
    Retry,
    Said,
    StreamBrokenError,
    StreamReader,
)
from core.errors import AssayError

#: Tries to get an answer that knows of a move before the stream is listened to again.
_MOST_TRIES = 8


class Following:
    """The steps of the one who follows. They end when a wait says so."""

    def __init__(self, asking: Asking, stream_url: str) -> None:
        """It shares its cache with those who look up."""
        self._asking = asking
        self._url = stream_url
        self._cache = asking.cache
        self._pace = asking.pace
        self._tries = 0

    def steps(self) -> Steps[None]:
        """Follow until told to stop."""
        while True:
            answer = yield Open(self._url, self._cache.heard)
            if told := self._told(answer):
                yield Close()
                answer = yield Open(told, self._cache.heard)
            if _is_stream(answer):
                try:
                    yield from self._listen()
                finally:
                    self._cache.lost()
                pause = self._pace.reconnect(self._tries)
            else:
                self._cache.lost()
                pause = self._until_next_try(answer)
            yield Close()
            self._tries += 1
            if (yield from self._poll_for(pause)):
                return

    def _told(self, answer: Answered | Unanswered) -> str:
        """Where a web listener says the stream is; empty when it does not, or on another host.

        The token goes to no other host than the one it was given for, and never from TLS to none.
        """
        if isinstance(answer, Unanswered) or answer.status != HTTPStatus.MISDIRECTED_REQUEST:
            return ""
        try:
            told = urlsplit(json.loads(answer.content)["stream"])
            asked = urlsplit(self._url)
            is_same = told.hostname == asked.hostname and told.scheme in {asked.scheme, "https"}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return ""
        return f"{told.scheme}://{told.netloc}" if is_same else ""

    def _until_next_try(self, answer: Answered | Unanswered) -> float:
        is_passing = isinstance(answer, Unanswered) or answer.status in (
            HTTPStatus.TOO_MANY_REQUESTS,
            *range(500, 600),
        )
        return self._pace.reconnect(self._tries) if is_passing else self._pace.absent()

    def _listen(self) -> Steps[None]:
        """Until the stream ends. What is held is current once it has caught up."""
        reader = StreamReader()
        if self._cache.heard is None:
            self._cache.doubt()
        refresh_at = self._asking.steady() + self._pace.refresh()
        while chunk := (yield Read()):
            self._tries = 0
            try:
                for said in reader.feed(chunk):
                    self._hear(said)
            except StreamBrokenError as error:
                self._asking.warn(f"the event stream is not one: {error}")
                return
            if self._asking.steady() >= refresh_at:
                refresh_at = self._asking.steady() + self._pace.refresh()
                self._cache.doubt()
            if (yield from self._catch_up()):
                return

    def _hear(self, said: Said) -> None:
        if isinstance(said, Retry):
            self._pace.retry_seconds = said.seconds
            return
        if not self._cache.follows(said.incarnation):
            return  # a listener that has not heard yet that its database is another one
        match said:
            case Moved(prompt, revision):
                self._cache.moved(prompt, revision)
            case Known(revision):
                self._cache.told_until(revision)
            case Reset(revision):
                self._cache.reset()
                if revision is not None:
                    self._cache.told_until(revision)

    def _catch_up(self) -> Steps[bool]:
        """Ask for what moved, until an answer knows of it; whether to stop for good."""
        for tries in range(_MOST_TRIES):
            yield from self._asked(self._cache.dirty())
            if not self._cache.dirty():
                break
            if (yield Wait(self._pace.lag(tries))):
                return True
        # Lines that are still dirty are asked for again at the stream's next sign of life.
        self._cache.live(self._asking.clock())
        return False

    def _asked(self, lines: Sequence[Line]) -> Steps[int | None]:
        """The revision of the answer, 0 without lines; None for an error, which is only told."""
        try:
            return (yield from self._asking.ask_in_parts(lines))
        except (AssayApiError, AssayError) as error:
            self._asking.tell(error)
            return None

    def _poll_for(self, seconds: float) -> Steps[bool]:
        """Poll until it is time to try the stream again; whether to stop for good."""
        until = self._asking.steady() + seconds
        next_poll = self._asking.steady() + self._pace.poll()
        while (left := until - self._asking.steady()) > 0:
            pause = min(left, next_poll - self._asking.steady())
            if (yield Wait(max(0.0, pause))):
                return True
            if self._asking.steady() >= next_poll:
                revision = yield from self._asked(self._cache.held())
                self._pace.failures = 0 if revision is not None else self._pace.failures + 1
                next_poll = self._asking.steady() + self._pace.poll()
        return False


def _is_stream(answer: Answered | Unanswered) -> bool:
    if isinstance(answer, Unanswered) or answer.status != HTTPStatus.OK:
        return False
    return answer.headers.get("content-type", "").startswith("text/event-stream")
