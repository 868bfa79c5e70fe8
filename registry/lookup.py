"""The application's one question: which prompt is live, and on which model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from registry import queries
from registry.errors import TagUnknownError
from registry.models import Certificate, ModelVersion, Prompt, PromptVersion
from registry.models.ledger import Tag, TagEvent

STABLE = "stable"
CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is served: the version, and the ledger entry that made it live (None: by number)."""

    prompt: Prompt
    version: PromptVersion
    tag: str | None = None
    event: TagEvent | None = None
    fallback: bool = False

    @property
    def model(self) -> ModelVersion | None:
        """The pin the tag names; None when asked for by number or adopted without a model."""
        return self.event.model if self.event else None

    @property
    def proven(self) -> bool:
        """Whether a certificate stands behind the entry and still holds."""
        return self.event is not None and is_proven(self.event)

    def body(self) -> dict[str, Any]:
        """The JSON object of the REST answer."""
        content = self.version.content
        pin = self.model.pin if self.model else None
        return {
            "name": self.prompt.name,
            "tag": self.tag,
            "version": self.version.number,
            "type": content["type"],
            "template": self.version.template,
            "variables": content["variables"],
            "parameters": content["parameters"],
            "model": {
                "name": self.model.name,
                "served_id": pin["served_id"],
                "revision": pin["revision"],
            }
            if self.model and pin
            else None,
            "digest": self.version.digest,
            "commit": self.version.commit,
            "revision": self.event.sequence if self.event else None,
            "registry_revision": self.event.registry_revision if self.event else None,
            "fallback": self.fallback,
            "proven": self.proven,
        }


def is_proven(event: TagEvent) -> bool:
    """Whether the entry stands on a certificate that still holds."""
    proof = queries.evidence_of(event).certificate
    return proof is not None and not expired_because(proof)


def expired_because(proof: Certificate) -> str:
    """Why a certificate holds no more; empty while it does."""
    if proof.expired_at is not None:
        return proof.expired_reason or "it has expired"
    if proof.valid_until is not None and proof.valid_until <= timezone.now():
        return "it is too old"
    return ""


def by_tag(name: str, tag: str = STABLE) -> Answer:
    """What `tag` points at. `canary` falls back to `stable`; any other unknown tag is an error.

    Raises PromptUnknownError, TagUnknownError naming the tags that exist.
    """
    prompt = queries.prompt(name)
    live = {row.name: row.event for row in _tags_of(prompt)}
    event = live.get(tag)
    fallback = tag == CANARY and (event is None or event.version is None)
    if fallback:
        event = live.get(STABLE)
    if event is None or event.version is None:
        known = ", ".join(sorted(t for t, e in live.items() if e.version_id)) or "none"
        raise TagUnknownError(
            f"{name} has no tag {tag!r}; it has {known}",
            hint="promote a version, or ask by ?version=",
            prompt=name,
            tags=sorted(t for t, e in live.items() if e.version_id),
        )
    return Answer(prompt, event.version, STABLE if fallback else tag, event, fallback)


def by_version(name: str, number: int) -> Answer:
    """Version `number`, live or not. Raises PromptUnknownError, VersionUnknownError."""
    prompt = queries.prompt(name)
    return Answer(prompt, queries.version(prompt, number))


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
