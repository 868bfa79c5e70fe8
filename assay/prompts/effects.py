"""What the core wants done outside: a generator yields one of these and is sent what came of it.

So the same steps run in a thread (`transport.Blocking`) and in an event loop
(`transport.Awaiting`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a batch of lookups. Sent back: Answered or Unanswered."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Open:
    """Open the event stream of a server, after the event `last_event_id` (None: from now on).

    Sent back: as for Ask. An answer of 200 leaves it open; its `content` is empty.
    """

    url: str
    last_event_id: str | None


@dataclass(frozen=True, slots=True)
class Read:
    """Wait for more of the open stream. Sent back: bytes, empty when it has ended or is silent."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the stream, if it is open. Sent back: None."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a while. Sent back: whether to stop for good."""

    seconds: float


class Answered(NamedTuple):
    """An answer of any status. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Unanswered(NamedTuple):
    """No answer, and why, for people."""

    reason: str


Effect = Ask | Open | Read | Close | Wait
Outcome = Answered | Unanswered | bytes | bool | None
#: Steps that end in a T.
Steps = Generator[Effect, Any, T]
