"""Models the server knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model a prompt is for: call it by `served_id`."""

    name: str
    served_id: str
    revision: str


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model version. `fingerprint` is None until it was measured."""

    name: str
    served_id: str
    revision: str
    pinned: bool
    engine: str
    max_context: int | None
    fingerprint: str | None
    fingerprint_at: str | None
    base_url: str | None
