"""Where messages go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import RefusedError
from registry.models import OutboxMessage


class PermanentDeliveryError(RefusedError):
    """The receiver will never take this message."""

    code = "delivery_refused"


@dataclass(frozen=True, slots=True)
class Channel:
    """A way out. `deliver` gets up to `batch` messages at once, all of them or none arrive, and it
    may get one twice. It raises an AssayError kind when it failed, with `retry_after` (seconds)
    where the receiver said so.

    `waits` are the seconds before each further try. After the last of them a message is dead; with
    `keeps_trying` the last wait is repeated for ever.
    """

    name: str
    topics: frozenset[str]
    deliver: Callable[[Sequence[OutboxMessage]], None]
    waits: tuple[float, ...]
    batch: int = 1
    #: A message waits until every earlier one about its subject has arrived, or is given up.
    is_ordered: bool = True
    keeps_trying: bool = False

    def wait_after(self, attempts: int) -> float | None:
        """Seconds until the next try after so many; None: give up."""
        if attempts <= len(self.waits):
            return self.waits[attempts - 1]
        return self.waits[-1] if self.keeps_trying else None
