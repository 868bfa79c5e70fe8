"""Where tags point, how they came there, and where they can go back to."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import (
    Exists,
    OuterRef,
    QuerySet,
)

from registry.domain.trail import Step, trail
from registry.models import (
    Prompt,
    PromptVersion,
    TagRequest,
)
from registry.models.ledger import Tag, TagEvent


def compared_tag(tag: str) -> str:
    """Whose live version a candidate for `tag` is compared with: a canary joins `stable`."""
    return "stable" if tag == "canary" else tag


def live_version(prompt: Prompt, tag: str) -> PromptVersion | None:
    """What the tag points at now; None when it was never set, or was cleared."""
    live = Tag.objects.filter(prompt=prompt, name=tag).select_related("event__version").first()
    return live.event.version if live else None


def live_versions(prompts: Iterable[str], tag: str) -> dict[str, PromptVersion]:
    """Prompt -> what its tag points at now, of those whose tag points at something."""
    tags = Tag.objects.filter(
        prompt__name__in=list(prompts), name=tag, event__version__isnull=False
    )
    found = tags.select_related("prompt", "event__version")
    return {row.prompt.name: row.event.version for row in found if row.event.version}


def live_entry(prompt: Prompt, tag: str) -> TagEvent | None:
    """The ledger entry the tag points at now; None when it was never set."""
    live = Tag.objects.filter(prompt=prompt, name=tag).select_related(
        "event__version", "event__model", "event__certificate"
    )
    found = live.first()
    return found.event if found else None


def tag_revision(prompt: Prompt, tag: str) -> int:
    """How often the tag was moved; 0 when never."""
    live = Tag.objects.filter(prompt=prompt, name=tag).first()
    return live.revision if live else 0


def evidence_of(event: TagEvent) -> TagEvent:
    """The entry whose evidence this one stands on: rollbacks stand on what they restore."""
    while event.kind == TagEvent.Kind.ROLLED_BACK and event.restores is not None:
        event = event.restores
    return event


def entry_to_restore(
    current: TagEvent, to_version: int | None, *, with_overrides: bool
) -> TagEvent | None:
    """The entry a rollback of `current` restores, or None.

    `with_overrides` also considers entries that stand on an override.
    """
    chain = TagEvent.objects.filter(
        prompt_id=current.prompt_id, tag=current.tag, sequence__lte=current.sequence
    )
    earlier = chain.filter(sequence__lt=current.sequence, version__isnull=False)
    if to_version is not None:
        found = earlier.filter(version__number=to_version).order_by("-sequence")
        candidates = [evidence_of(event) for event in found]
    else:
        rows = chain.order_by("sequence").values_list(
            "pk", "version_id", "model_id", "weight", "restores_id"
        )
        way = trail(
            Step(pk, (version, model, weight) if version else None, restores)
            for pk, version, model, weight, restores in rows
        )
        back = earlier.in_bulk(way[:-1])
        candidates = [back[pk] for pk in reversed(way[:-1]) if pk in back]
    return next(
        (e for e in candidates if with_overrides or e.kind != TagEvent.Kind.OVERRIDDEN), None
    )


def history(prompt: Prompt, tag: str | None = None) -> QuerySet[TagEvent]:
    """The ledger of a prompt, newest first."""
    events = TagEvent.objects.filter(prompt=prompt).select_related(
        "prompt", "version", "model", "certificate", "previous__version", "restores", "release"
    )
    return events.filter(tag=tag) if tag else events


def ledger_entry(id_: int) -> TagEvent:
    """One entry, with what it names."""
    named = ("prompt", "version", "model", "certificate", "previous__version")
    return TagEvent.objects.select_related(*named).get(pk=id_)


def ledger(
    *, prompt: str = "", tag: str = "", kind: str = "", actor: str = "", entry: int | None = None
) -> QuerySet[TagEvent]:
    """The moves of all tags, newest first; only those that are wanted. `entry` is one by its id."""
    wanted = {"prompt__name": prompt, "tag": tag, "kind": kind, "actor": actor, "pk": entry}
    return (
        TagEvent.objects.select_related(
            "prompt", "version", "model", "certificate", "previous__version", "restores"
        )
        .defer("version__content", "version__template", "certificate__evidence")
        .filter(**{field: value for field, value in wanted.items() if value})
    )


def recent_moves(count: int) -> QuerySet[TagEvent]:
    """The newest ledger entries of all prompts."""
    return TagEvent.objects.select_related(
        "prompt", "version", "model", "certificate", "previous__version"
    )[:count]


def tags_asked_in_vain() -> frozenset[tuple[str, str]]:
    """`(prompt, tag)` that tags.yaml once asked for, and that was never set."""
    moves = TagEvent.objects.filter(prompt__name=OuterRef("prompt"), tag=OuterRef("tag"))
    asked = TagRequest.objects.filter(~Exists(moves)).order_by()
    return frozenset(asked.values_list("prompt", "tag"))


def tags_with_history() -> set[tuple[str, str]]:
    """`(prompt, tag)` of every tag that was ever set."""
    return set(TagEvent.objects.filter(sequence=1).values_list("prompt__name", "tag"))
