"""The lookup, asked of the database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils import timezone

from registry import queries
from registry.errors import TagUnknownError
from registry.lookup import loading
from registry.lookup.body import encoded_text, face
from registry.lookup.reply import Standing
from registry.lookup.values import (
    STABLE,
    Choice,
    Entry,
    Face,
    Model,
    Pointer,
    Proof,
    Text,
    choose,
)
from registry.models import Certificate, ModelVersion, Prompt, PromptVersion
from registry.models.ledger import RegistryState, Tag, TagEvent


@dataclass(frozen=True, slots=True)
class Answer:
    """What is served: the version, and the ledger entry that made it live (None: by number)."""

    prompt: Prompt
    version: PromptVersion
    event: TagEvent | None = None
    choice: Choice | None = field(default=None, compare=False)

    @property
    def model(self) -> ModelVersion | None:
        """The pin the tag names; None when asked for by number or adopted without a model."""
        return self.event.model if self.event else None

    @property
    def fallback(self) -> bool:
        """Whether `stable` answers for a canary that is not set."""
        return self.choice is not None and self.choice.fallback

    @property
    def proven(self) -> bool:
        """Whether a certificate stands behind the entry and still holds."""
        return self.event is not None and is_proven(self.event)

    def body(self) -> dict[str, Any]:
        """The JSON object of the REST answer."""
        made = self.face()
        assert made is not None
        body: dict[str, Any] = json.loads(b"".join(made.body))
        return body

    def face(self, *, seed: bool = False) -> Face | None:
        """The encoded answer. None: the form of the first registry cannot express it."""
        now, text = timezone.now().timestamp(), _text(self.version)
        return face(
            self.prompt.name, text, self.choice, orphaned=self.prompt.orphaned, now=now, seed=seed
        )


def is_proven(event: TagEvent) -> bool:
    """Whether the entry stands on a certificate that still holds."""
    proof = queries.evidence_of(event).certificate
    return proof is not None and not expired_because(proof)


def expired_because(proof: Certificate) -> str:
    """Why a certificate holds no more; empty while it does."""
    return _proof(proof).failure(timezone.now().timestamp())


def standing() -> Standing:
    """Where the registry stands. Ask before the lookup: then the answer is at least that new."""
    state = RegistryState.objects.get()
    mirror = queries.mirror()
    fetched_at = mirror.fetched_at if mirror else None
    age = int((timezone.now() - fetched_at).total_seconds()) if fetched_at else None
    return Standing(state.incarnation, state.revision, age)


def by_tag(name: str, tag: str = STABLE, key: str = "") -> Answer:
    """What `tag` points at. `canary` falls back to `stable`; any other unknown tag is an error.

    With a `key`, `stable` is answered by the canary for the keys that are drawn for it.
    Raises PromptUnknownError, TagUnknownError naming the tags that exist.
    """
    prompt = queries.prompt(name)
    live = {row.name: row.event for row in _tags_of(prompt) if row.event.version_id}
    chosen = choose(name, {one: _pointer(event) for one, event in live.items()}, tag, key)
    if chosen is None:
        raise TagUnknownError.among(name, tag, live)
    event = live[chosen.pointer.tag]
    assert event.version is not None
    return Answer(prompt, event.version, event, chosen)


def by_version(name: str, number: int) -> Answer:
    """Version `number`, live or not. Raises PromptUnknownError, VersionUnknownError."""
    prompt = queries.prompt(name)
    return Answer(prompt, queries.version(prompt, number))


def entry(name: str) -> Entry:
    """A prompt as the snapshot holds it, with the texts of what is live.

    Raises PromptUnknownError.
    """
    prompt = queries.prompt(name)
    with connection.cursor() as cursor:
        found, _ = loading.entries(cursor, [prompt.pk], {})
    return found[name]


def text(entry: Entry, number: int) -> Text:
    """A version's text. Raises VersionUnknownError naming those that exist."""
    known = entry.texts.get(number)
    if known is not None:
        return known
    return _text(queries.version(queries.prompt(entry.name), number))


def _text(found: PromptVersion) -> Text:
    return encoded_text(
        found.number,
        found.content,
        found.template,
        found.digest,
        found.commit,
        found.blob,
        found.published_at.timestamp(),
    )


def _tags_of(prompt: Prompt) -> list[Tag]:
    live = (
        Tag.objects.filter(prompt=prompt)
        .select_related(
            "event__version",
            "event__model",
            "event__certificate",
            "event__restores__certificate",
        )
        .order_by("name")
    )
    for tag in live:
        tag.event.prompt = prompt
        if tag.event.version is not None:
            tag.event.version.prompt = prompt
    return list(live)


def _pointer(event: TagEvent) -> Pointer:
    evidence, model = queries.evidence_of(event), event.model
    assert event.version is not None
    pin = (
        Model(model.name, model.pin["served_id"], model.pin["revision"], model.digest)
        if model
        else None
    )
    return Pointer(
        tag=event.tag,
        version=event.version.number,
        version_digest=event.version.digest,
        sequence=event.sequence,
        registry_revision=event.registry_revision,
        model=pin,
        weight=event.weight,
        evidence=evidence.kind,
        proof=_proof(evidence.certificate) if evidence.certificate else None,
    )


def _proof(proof: Certificate) -> Proof:
    until = proof.valid_until.timestamp() if proof.valid_until else None
    ended = (proof.expired_reason or "it has expired") if proof.expired_at else ""
    return Proof(until, ended)
