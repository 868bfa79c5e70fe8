"""The server's answers as values. `read` of `assay.reading` makes them from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.findings import Finding


@dataclass(frozen=True, slots=True)
class Me:
    """Who the token stands for. Empty `prompts` means all of them."""

    name: str
    scopes: tuple[str, ...]
    prompts: tuple[str, ...]


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
class ServedModel:
    """The model a prompt is for: call it by `served_id`."""

    name: str
    served_id: str
    revision: str


@dataclass(frozen=True, slots=True)
class ServedPrompt:
    """What an application uses: the template with its partials in place, and the model it is for.

    `fallback` is true when `canary` was asked for and `stable` is served. `tag` and the
    revisions are None when an exact version was asked for; `proven` says whether a certificate
    backs it.
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


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a run's answers are in. `errors` are among the done."""

    done: int
    total: int
    errors: int


@dataclass(frozen=True, slots=True)
class EvalRun:
    """An evaluation. `verdict` and `passed` are None until it is finished.

    `pass_rate` and `interval` are None for ERROR too, and for several suites: each has a floor of
    its own. `certificate` is a digest.
    """

    run: str
    prompt: str
    version: int
    model: str
    tag: str
    policy: str
    suites: tuple[str, ...]
    status: str
    verdict: str | None
    reasons: tuple[str, ...]
    cases: int
    passed: int | None
    pass_rate: float | None
    interval: tuple[float, float] | None
    progress: Progress
    prompt_tokens: int
    completion_tokens: int
    certificate: str | None
    forecast: Mapping[str, Any] | None
    fingerprint: str | None
    requested_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen unless somebody resumes it."""
        return self.status in {"finished", "cancelled"}


@dataclass(frozen=True, slots=True)
class CaseAnswer:
    """One answer of a run. `error` is empty when it could be scored; times are milliseconds."""

    suite: str
    case: str
    repeat: int
    outcome: str
    text: str
    checks: tuple[Mapping[str, Any], ...]
    error: str | None
    ttft_ms: float | None
    total_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
