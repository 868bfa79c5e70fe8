"""What the supervisor needs to know about one server."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UnavailableError

_LOG_END_CHARACTERS = 5_000
_ERROR = re.compile(r"\b(FATAL|ERROR|\w*(Error|Exception|Configured)):", re.ASCII)


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
    start_seconds: float = 120.0


def failure(name: str, what: str, log: Path) -> ServiceFailedError:
    """The error for a program that failed: the telling line of its log, and where the rest is."""
    return ServiceFailedError(f"{name} {what}: {_telling_line(log)}", hint=f"its log is {log}")


def _telling_line(log: Path) -> str:
    """The last line that speaks of an error, else the last line, of what a log ends with."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")[-_LOG_END_CHARACTERS:]
    except OSError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next(filter(_ERROR.search, reversed(lines)), lines[-1] if lines else "it said nothing")
