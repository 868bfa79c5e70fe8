"""Models the server knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model a prompt is for: call it by `served_id`. `digest` is the pin's content address."""

    name: str
    served_id: str
    revision: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ModelLook:
    """One look at a model's server. Empty and None: the server does not say.

    `differences` are sentences: what is otherwise than pinned. `fingerprint` is what a measurement
    said in this look (`same`, `changed`, `cannot tell`, `first`, `failed`, `not measured`).
    """

    at: str
    reachable: bool
    healthy: bool
    served_ids: tuple[str, ...]
    engine: str
    version: str
    max_context: int | None
    slots: int | None
    extras: tuple[str, ...]
    differences: tuple[str, ...]
    error: str
    fingerprint: str
    distance: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A model serves something else than what was certified on it."""

    since: str
    message: str


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model version. `fingerprint` is None until it was measured, `probe` until its server was
    looked at, `drift` while it serves what was certified.
    """

    name: str
    served_id: str
    revision: str
    tokenizer_revision: str
    pinned: bool
    engine: str
    engine_version: str
    dtype: str
    quantization: str
    max_context: int | None
    tensor_parallel: int
    concurrency: int
    fingerprint: str | None
    fingerprint_at: str | None
    fingerprint_mode: str | None
    fingerprint_state: str | None
    base_url: str | None
    probe: ModelLook | None
    drift: Drift | None


@dataclass(frozen=True, slots=True)
class ProbedModel(RegisteredModel):
    """The same, with the newest looks at its server."""

    probes: tuple[ModelLook, ...]


@dataclass(frozen=True, slots=True)
class ProbeAsked:
    """A look is on its way: it is the first one at or after `asked_at`."""

    model: str
    asked_at: str
