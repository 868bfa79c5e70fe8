"""How long to wait before the next try. Always with jitter: a thousand clients start together."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

_LONGEST_SECONDS = 60.0
_REST_SECONDS = 2.0
_LONGEST_REST_SECONDS = 30.0
_LAG_SECONDS = 0.02
_LONGEST_LAG_SECONDS = 1.0


@dataclass(slots=True)
class Pace:
    """Waits, in seconds. `poll_seconds` is the mean time between two polls."""

    poll_seconds: float = 10.0
    random: Random = field(default_factory=Random)
    #: What the stream asks for with `retry:`.
    retry_seconds: float = 1.0
    #: How long a stream that is not served at all, or not to this token, is left alone.
    absent_seconds: float = 300.0
    #: Everything is asked for again after this, even while the stream is open: certificates grow
    #: old and prompts leave the repository without a tag moving.
    refresh_seconds: float = 300.0
    #: Polls that failed in a row.
    failures: int = 0

    def poll(self) -> float:
        """Until the next poll: around `poll_seconds`, longer after each failure, up to a minute."""
        longest = max(_LONGEST_SECONDS, self.poll_seconds)
        return self._around(min(longest, self.poll_seconds * 2 ** min(self.failures, 16)))

    def reconnect(self, tries: int) -> float:
        """Until the stream is tried again, after it broke or `tries` attempts failed."""
        return self._around(min(_LONGEST_SECONDS, self.retry_seconds * 2 ** min(tries, 16)))

    def absent(self) -> float:
        """Until a stream is looked for again where there was none."""
        return self._around(self.absent_seconds)

    def refresh(self) -> float:
        """Until everything is asked for again."""
        return self._around(self.refresh_seconds)

    def rest(self, failures: int) -> float:
        """How long lookups do without a registry that did not answer, `failures` times before."""
        return self._around(min(_LONGEST_REST_SECONDS, _REST_SECONDS * 2 ** min(failures, 16)))

    def lag(self, tries: int) -> float:
        """Until a registry process that has not heard of a move is asked again."""
        return self._around(min(_LONGEST_LAG_SECONDS, _LAG_SECONDS * 2**tries))

    def _around(self, seconds: float) -> float:
        return seconds * self.random.uniform(0.5, 1.5)
