"""Prompts, their versions, the policies that guard them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Count, Max, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from registry.domain.actor import Actor
from registry.errors import (
    PromptUnknownError,
    VersionUnknownError,
)
from registry.models import (
    GatePolicy,
    Prompt,
    PromptVersion,
)
from registry.models.ledger import Certificate, Tag


def prompt(name: str) -> Prompt:
    """The prompt called `name`. Raises PromptUnknownError."""
    found = Prompt.objects.filter(name=name).first()
    if found is None:
        raise PromptUnknownError.named(name)
    return found


def names_among(names: Sequence[str]) -> list[str]:
    """Those of `names` that prompts have, sorted."""
    found = Prompt.objects.filter(name__in=names)
    return list(found.order_by("name").values_list("name", flat=True))


def prompts_including(partials: Collection[str]) -> frozenset[str]:
    """The prompts with a version that includes one of these partials, directly or not."""
    if not partials:
        return frozenset()
    found = PromptVersion.objects.filter(content__partials__has_any_keys=sorted(partials))
    return frozenset(found.order_by().values_list("prompt__name", flat=True).distinct())


def prompts_on(models: Collection[str]) -> frozenset[str]:
    """The prompts whose prompt.yaml names one of these models."""
    found = Prompt.objects.filter(default_model__in=models)
    return frozenset(found.order_by().values_list("name", flat=True))


def version(prompt: Prompt, number: int) -> PromptVersion:
    """One version. Raises VersionUnknownError naming those that exist."""
    found = prompt.versions.select_related("prompt").filter(number=number).first()
    if found is None:
        numbers = prompt.versions.values_list("number", flat=True)
        raise VersionUnknownError.among(prompt.name, number, numbers)
    return found


def policy_for(prompt: Prompt, tag: str) -> GatePolicy | None:
    """The policy that guards `tag` of this prompt; None when nothing does."""
    if tag == "stable" and prompt.gate:
        return GatePolicy.objects.filter(name=prompt.gate).first()
    return GatePolicy.objects.filter(tags__contains=[tag]).first()


def policies() -> QuerySet[GatePolicy]:
    """Every gate policy in force, by name."""
    return GatePolicy.objects.all()


def prompts_by_gate() -> dict[str, int]:
    """How many prompts name a policy of their own for `stable`, by its name."""
    rows = Prompt.objects.exclude(gate="").order_by().values_list("gate")
    return dict(rows.annotate(Count("pk")))


def prompts() -> QuerySet[Prompt]:
    """Every prompt with its live tags, in the order of names."""
    tags = Tag.objects.select_related(
        "event__version", "event__model", "event__certificate", "event__restores__certificate"
    )
    # Subqueries, so that a page of fifty looks at the versions of fifty. A join counts all first.
    versions = PromptVersion.objects.filter(prompt=OuterRef("pk")).order_by().values("prompt")
    return Prompt.objects.prefetch_related(Prefetch("tags", tags)).annotate(
        version_count=Coalesce(Subquery(versions.values_list(Count("pk"))), 0),
        latest_number=Subquery(versions.values_list(Max("number"))),
    )


def visible_prompts(actor: Actor) -> QuerySet[Prompt]:
    """`prompts` within the actor's globs."""
    if not actor.prompts:
        return prompts()
    # fnmatch's translation is Python's dialect, so the names are matched here, not in SQL.
    names = actor.visible(Prompt.objects.values_list("name", flat=True))
    return prompts().filter(name__in=names)


def visible_names(actor: Actor) -> list[str]:
    """The names of all prompts within the actor's globs."""
    return actor.visible(Prompt.objects.order_by("name").values_list("name", flat=True))


def versions(prompt: Prompt) -> QuerySet[PromptVersion]:
    """Published versions with their certificates, newest first."""
    certificates = Certificate.objects.select_related("model_version")
    return prompt.versions.prefetch_related(Prefetch("certificate_set", certificates)).order_by(
        "-number"
    )
