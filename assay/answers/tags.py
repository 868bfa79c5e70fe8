"""What tags point at, and how they moved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a tag points at. `version` is None after it was cleared; `weight` is in percent."""

    version: int | None
    model: str | None
    revision: int
    weight: int | None
    kind: str
    proven: bool
    since: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class PreviousEntry:
    """What the tag pointed at before a move."""

    event: int | str
    version: int | None
    model: str | None


@dataclass(frozen=True, slots=True)
class TagMove:
    """A ledger entry. `certificate` is a digest; `prompt` is empty in a prompt's own history."""

    event: int | str
    tag: str
    kind: str
    version: int | None
    model: str | None
    weight: int | None
    revision: int
    registry_revision: int
    actor: str
    role: str
    reason: str
    certificate: str | None
    restores: int | str | None
    commit: str | None
    release: int | str | None
    previous: PreviousEntry | None
    at: str
    prompt: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Released:
    """Several tags that moved together."""

    release: int | str
    moves: tuple[TagMove, ...]
