"""What goes into a move of a tag, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from registry.models import Certificate, ModelVersion, Prompt, PromptVersion
from registry.models.ledger import Release, Tag, TagEvent

STABLE = "stable"
CANARY = "canary"
#: Why a tag moved, for those that may not see the ledger's tables.
Kind = TagEvent.Kind


@dataclass(frozen=True, slots=True)
class TagMove:
    """What a move did. `warnings` are sentences a person should read."""

    event: TagEvent
    previous: TagEvent | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a tag should point: a version on a model (None: the prompt's default model)."""

    prompt: str
    tag: str
    version: int
    model: str | None = None
    weight: int | None = None
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a repository says is live, for a tag without history, and the certificate for it that
    the repository holds.
    """

    prompt: Prompt
    tag: str
    version: PromptVersion
    model: ModelVersion | None
    weight: int | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry before it has its place in the chain."""

    kind: TagEvent.Kind
    version: PromptVersion | None
    model: ModelVersion | None
    weight: int | None = None
    reason: str = ""
    certificate: Certificate | None = None
    restores: TagEvent | None = None
    release: Release | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecalledMove:
    """A move that the repository tells, by its rows. `commit` is whose word it is; `restores` and
    `release` are revisions, as in `ToldMove`; its entry names no other one.
    """

    revision: int
    at: datetime
    prompt: Prompt
    tag: str
    entry: Entry
    actor: str
    role: str
    commit: str
    restores: int | None = None
    release: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A move that is allowed; its tag is locked (`live` None: it was never set)."""

    prompt: Prompt
    tag: str
    live: Tag | None
    entry: Entry
