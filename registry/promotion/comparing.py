"""Where a tag is, compared with where somebody wants it."""

from __future__ import annotations

from registry.models import Prompt
from registry.models.ledger import Tag


def is_live(
    *, prompt: str, tag: str, version: int | None, model: str | None, weight: int | None
) -> bool:
    """Whether the tag points there already. No `model`: the prompt's default one; no `version`:
    whether the tag points at nothing.
    """
    row = Prompt.objects.filter(name=prompt).first()
    found = Tag.objects.filter(prompt=row, name=tag).select_related(
        "event__version", "event__model"
    )
    live = found.first() if row else None
    if live is None or live.event.version is None:
        return version is None
    named = live.event.model.name if live.event.model else ""
    wanted = model or (row.default_model if row else "")
    return (live.event.version.number, named, live.event.weight) == (version, wanted, weight)
