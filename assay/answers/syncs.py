"""What a sync read."""

from __future__ import annotations

from dataclasses import dataclass

from core.findings import Finding


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should look at. Serving goes on."""

    kind: str
    subject: str
    message: str
    raised_at: str


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync read. `error` is empty unless it failed; then nothing served has changed."""

    commit: str | None
    previous_commit: str | None
    status: str
    prompts: int
    versions: int
    new_versions: int
    findings: tuple[Finding, ...]
    error: str | None
    alarms: tuple[Alarm, ...] = ()
