"""What a lookup is answered from: immutable texts, and the pointers of tags. No database here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from registry.domain.canary_arm import Canary, is_on_canary

STABLE = "stable"
CANARY = "canary"
#: Encoded answers kept for a prompt.
_MOST_FACES = 64


@dataclass(frozen=True, slots=True)
class Text:
    """A published version as it is served. `tail` is its part of the JSON body, encoded."""

    number: int
    digest: str
    commit: str
    blob: str
    tail: bytes
    #: SHA-256 of `tail`: an ETag is made without reading four kilobytes again.
    tail_digest: bytes
    has_blocks: bool
    #: Not in the body, and for other registries' clients. Seconds since 1970.
    description: str = ""
    published_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Model:
    """The pin a pointer names."""

    name: str
    served_id: str
    revision: str
    digest: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A certificate. `until` is when it grows too old (seconds since 1970; None: never).

    `ended` says why it was expired before that; empty while it was not.
    """

    until: float | None = None
    ended: str = ""

    def failure(self, now: float) -> str:
        """Why it holds no more at `now`; empty while it does."""
        if self.ended:
            return self.ended
        return "it is too old" if self.until is not None and self.until <= now else ""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a tag points, and the evidence for it."""

    tag: str
    version: int
    version_digest: str
    sequence: int
    registry_revision: int
    model: Model | None
    weight: int | None
    #: How the entry that holds the evidence came to be: `promoted`, `adopted`, `overridden`.
    evidence: str
    proof: Proof | None


class Choice(NamedTuple):
    """The pointer that answers a question. `is_own`: it is that of the tag that was asked for."""

    pointer: Pointer
    fallback: bool = False
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class Face:
    """One encoded answer. `until`: when it must be made anew (seconds since 1970; None: never)."""

    body: tuple[bytes, bytes]
    etag: str
    text: Text
    until: float | None = None


@dataclass(slots=True)
class Entry:
    """A prompt in the snapshot. Replaced whenever anything about it changes."""

    pk: int
    name: str
    orphaned: bool
    #: The registry's revision when the pointers were read.
    revision: int = 0
    description: str = ""
    #: Seconds since 1970.
    created_at: float = 0.0
    pointers: dict[str, Pointer] = field(default_factory=dict)
    texts: dict[int, Text] = field(default_factory=dict)
    #: The greatest version number; 0 when nothing was published. Its text may not be read yet.
    newest: int = 0
    #: Answers already encoded, by what was asked for, the tag that answers a key, and the form.
    faces: dict[tuple[str | int, str, bool | str], Face] = field(default_factory=dict)
    #: Something changed and was not read yet: only the database knows.
    is_doubtful: bool = False

    def keep(self, shape: tuple[str | int, str, bool | str], made: Face) -> None:
        """Keep an encoded answer, if there are not too many: what is asked for is the caller's."""
        if shape in self.faces or len(self.faces) < _MOST_FACES:
            self.faces[shape] = made


def canary_of(prompt: str, pointer: Pointer) -> Canary:
    """The identity by which keys are drawn."""
    model = pointer.model.digest if pointer.model else ""
    return Canary(prompt, pointer.version, pointer.version_digest, model)


def choose(prompt: str, pointers: dict[str, Pointer], tag: str, key: str) -> Choice | None:
    """Which pointer answers `tag` for `key` (empty: no key). None: no such tag.

    `canary` without a canary is answered by `stable`; `stable` with a key may be by the canary.
    """
    found = pointers.get(tag)
    canary = pointers.get(CANARY)
    if tag == STABLE and key and found is not None and canary is not None and canary.weight:
        if is_on_canary(canary_of(prompt, canary), key, canary.weight):
            return Choice(canary, is_own=False)
        return Choice(found)
    if found is None and tag == CANARY:
        stable = pointers.get(STABLE)
        return Choice(stable, fallback=True, is_own=False) if stable is not None else None
    return Choice(found) if found is not None else None
