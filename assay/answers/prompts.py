"""Prompts and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.answers.models import ServedModel
from assay.answers.tags import Pointer


@dataclass(frozen=True, slots=True)
class ServedPrompt:
    """What an application uses: the template with its partials in place, and the model it is for.

    `fallback` is true when `canary` was asked for and `stable` is served. `tag` and the
    revisions are None when an exact version was asked for; `proven` says whether a certificate
    backs it. `arm` is `stable` or `canary`, and `weight` the percentage of a canary; else None.
    """

    name: str
    tag: str | None
    version: int
    type: str
    template: str
    variables: Mapping[str, Any]
    parameters: Mapping[str, Any]
    model: ServedModel | None
    digest: str
    commit: str
    revision: int | None
    registry_revision: int | None
    fallback: bool
    proven: bool
    warnings: tuple[str, ...] = ()
    arm: str | None = None
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class PromptTags:
    """A prompt's tags and its version numbers."""

    name: str
    tags: Mapping[str, Pointer]
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PromptSummary:
    """One line of the list of prompts. `latest` is None when no version was published yet."""

    name: str
    description: str
    owners: tuple[str, ...]
    tags: Mapping[str, Pointer]
    versions: int
    latest: int | None
    orphaned: bool


@dataclass(frozen=True, slots=True)
class VersionCertificate:
    """Evidence for a version, in short. `valid_until` is None when it does not expire by time."""

    digest: str
    model: str
    policy: str
    issued_at: str
    valid_until: str | None
    run: str | None


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version of a prompt; it never changes."""

    version: int
    digest: str
    commit: str
    path: str
    type: str
    description: str
    variables: Mapping[str, Any]
    published_at: str
    certificates: tuple[VersionCertificate, ...]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message for a model."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A template with its variables put in. A text prompt is one user message as well."""

    name: str
    version: int
    type: str
    text: str
    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class VariableChange:
    """How the variables of two versions differ; `breaking` means callers must change."""

    kind: str
    variable: str
    breaking: bool
    message: str


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Two versions of a prompt: the text as a unified diff, and what callers notice."""

    name: str
    old: int
    new: int
    text: str
    contract: tuple[VariableChange, ...]
