"""What the supervisor needs to know about one server."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UnavailableError


class ServiceFailedError(UnavailableError):
    """A part of Assay did not start."""

    code = "service_failed"


def _nothing() -> None:
    """Most services need no preparation."""


@dataclass(frozen=True)
class Service:
    """One long-running program.

    `answers(pid)` says whether this very process serves now; `prepare` runs before every start and
    clears what a crash left. `environment` is added to the supervisor's own (None removes a
    variable). On stop the process gets `stop_signal` and, after `stop_seconds`, SIGKILL with its
    whole process group; `death_signal` is what it gets when the supervisor is killed.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    answers: Callable[[int], bool]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    prepare: Callable[[], None] = _nothing
    identity: str = "self"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 5.0
    death_signal: signal.Signals = signal.SIGKILL
    start_seconds: float = 60.0


def tail(log: Path, *, characters: int = 1500) -> str:
    """The end of a log, for an error message; empty when there is none."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-characters:].strip()
    except OSError:
        return ""
