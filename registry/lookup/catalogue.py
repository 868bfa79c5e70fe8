"""All versions without their texts, for lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from registry.models import PromptVersion
from registry.models.ledger import Tag


class Listed(NamedTuple):
    """A published version."""

    pk: int
    name: str
    number: int
    type: str
    published_at: datetime


def published_versions() -> list[Listed]:
    """Every version, in the order of names and numbers."""
    rows = PromptVersion.objects.order_by("prompt__name", "number").values_list(
        "pk", "prompt__name", "number", "content__type", "published_at"
    )
    return [Listed(*row) for row in rows]


def live_tags(versions: Iterable[int] | None = None) -> list[tuple[int, str, datetime]]:
    """`(version's key, tag, when it was moved there)` of every live tag, or of some versions."""
    live = Tag.objects.filter(event__version__isnull=False).order_by("pk")
    if versions is not None:
        live = live.filter(event__version__in=list(versions))
    return list(live.values_list("event__version_id", "name", "event__created_at"))


def parameters(versions: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    """The model parameters of versions, by key."""
    rows = PromptVersion.objects.filter(pk__in=list(versions)).order_by("pk")
    return dict(rows.values_list("pk", "content__parameters"))
