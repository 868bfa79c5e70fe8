"""Setting labels is moving tags: only with a certificate, and all of them or none."""

from __future__ import annotations

import re
from typing import Any

from core.errors import InvalidError
from registry import lookup, promotion, queries
from registry.dialects.langfuse.wanted import CANARY, LATEST, tag_of
from registry.domain.actor import Actor
from registry.errors import CanaryNeedsWeightError
from registry.models import Prompt
from registry.promotion import Target

#: As Langfuse has them.
_LABEL = re.compile(r"[a-z0-9_.-]{1,36}")
_MOST_LABELS = 20


def labels_in(data: Any) -> tuple[str, ...]:
    """`newLabels` of a body. Raises InvalidError."""
    wished = data.get("newLabels") if isinstance(data, dict) else None
    if not isinstance(wished, list) or len(wished) > _MOST_LABELS:
        raise InvalidError(f"newLabels is a list of at most {_MOST_LABELS} labels")
    for label in wished:
        if not isinstance(label, str) or _LABEL.fullmatch(label) is None:
            raise InvalidError(f"{str(label)[:60]!r} cannot be a label")
        if label == LATEST:
            raise InvalidError("`latest` is always the newest version; nobody can set it")
    return tuple(wished)


def move(*, name: str, number: int, labels: tuple[str, ...], actor: Actor, sdk: str) -> None:
    """Point the labels' tags at version `number`; those that are there already stay.

    Raises as `promotion.promote` does, and CanaryNeedsWeightError for a canary that is not running.
    """
    prompt = queries.prompt(name)
    queries.version(prompt, number)
    tags = sorted({tag_of(label) for label in labels})
    targets = [
        Target(name, tag, number, weight=_weight(name) if tag == CANARY else None)
        for tag in tags
        if not _is_there(prompt, tag, number)
    ]
    by = f" by {sdk}" if sdk else ""
    reason = f"labels set through the Langfuse API{by}: {', '.join(labels)}"
    if len(targets) == 1:
        promotion.promote(target=targets[0], actor=actor, reason=reason)
    elif targets:
        promotion.release(targets=targets, actor=actor, reason=reason)


def _is_there(prompt: Prompt, tag: str, number: int) -> bool:
    """Clients repeat a request whose answer was lost; that must not be a second move."""
    live = queries.live_version(prompt, tag)
    return live is not None and live.number == number


def _weight(name: str) -> int:
    """A running canary keeps its share."""
    running = lookup.entry(name).pointers.get(CANARY)
    if running is None or running.weight is None:
        raise CanaryNeedsWeightError(
            f"{name} has no canary, and a label cannot say what share of traffic a new one gets",
            hint=f"assay canary set {name} VERSION --weight PERCENT",
        )
    return running.weight
