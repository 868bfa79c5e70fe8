"""Keep what is held fresh: by the event stream, or by polling where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from assay.errors import AssayApiError
from assay.prompts.asking import Asking
from assay.prompts.effects import Answered, Close, Open, Read, Steps, Unanswered, Wait
from assay.prompts.lines import Line
from assay.prompts.stream import Moved, Reset, Retry, StreamBrokenError, StreamReader
from core.errors import AssayError

#: Tries to get an answer that knows of a move before the stream is listened to again.
_MOST_TRIES = 8
#: More than the 40 ms within which every process of the registry hears of a move.
_SETTLE_SECONDS = 0.06


class Following:
    """The steps of the one who follows. They end when a wait says so."""

    def __init__(self, asking: Asking) -> None:
        """It shares its cache with those who look up."""
        self._asking = asking
        self._cache = asking.cache
        self._pace = asking.pace
        self._tries = 0

    def steps(self) -> Steps[None]:
        """Follow until told to stop."""
        while True:
            answer = yield Open(self._cache.heard)
            if _is_stream(answer):
                try:
                    yield from self._listen()
                finally:
                    self._cache.lost()
                yield Close()
                pause = self._pace.reconnect(self._tries)
            else:
                yield Close()
                self._cache.lost()
                pause = self._until_next_try(answer)
            self._tries += 1
            if (yield from self._poll_for(pause)):
                return

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
            # What moved before the stream opened is known to every process of the registry by then.
            if (yield Wait(_SETTLE_SECONDS)):
                return
            self._cache.all_moved()
        if (yield from self._catch_up()):
            return
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
                self._cache.all_moved()
            if (yield from self._catch_up()):
                return

    def _hear(self, said: Moved | Reset | Retry) -> None:
        match said:
            case Moved(prompt, revision):
                self._cache.moved(prompt, revision)
            case Reset():
                self._cache.all_moved()
            case Retry(seconds):
                self._pace.retry_seconds = seconds

    def _catch_up(self) -> Steps[bool]:
        """Ask for what moved, until an answer knows of it; whether to stop for good."""
        for tries in range(_MOST_TRIES):
            is_everything = self._cache.heard is None
            revision = yield from self._asked(self._cache.dirty())
            if revision and is_everything:
                self._cache.know(revision)
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
