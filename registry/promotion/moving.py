"""Point tags at versions, and take them away."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from registry import queries
from registry.domain.actor import Actor, Scope
from registry.errors import (
    CannotClearStableError,
    ReasonMissingError,
    ReleaseTargetTwiceError,
    TagNotSetError,
)
from registry.models.ledger import TagEvent
from registry.promotion.ledger import append, durable, locked, open_release
from registry.promotion.planning import check_shape, planned, resolve
from registry.promotion.refusing import telling_refusals
from registry.promotion.values import CANARY, STABLE, Entry, TagMove, Target


def promote(*, target: Target, actor: Actor, reason: str = "") -> TagMove:
    """Point a tag at a version that passed its gate.

    Raises NotAllowedError, NotFoundError kinds, NotCertifiedError, RevisionConflictError, and
    EvidenceChangingError while a sync decides about the certificate.
    """
    with telling_refusals(actor), transaction.atomic(durable=durable()):
        (plan,) = planned([target], actor, reason)
        return append(plan.prompt, plan.tag, plan.live, plan.entry, actor)


def set_canary(
    *,
    prompt: str,
    version: int,
    weight: int,
    actor: Actor,
    model: str | None = None,
    reason: str = "",
    expected_revision: int | None = None,
) -> TagMove:
    """Send `weight` percent of keyed traffic to a version certified for `canary`; 0 pauses it."""
    target = Target(prompt, CANARY, version, model, weight, expected_revision)
    return promote(target=target, actor=actor, reason=reason)


def clear_canary(
    *, prompt: str, actor: Actor, reason: str = "", expected_revision: int | None = None
) -> TagMove:
    """End the canary; its traffic goes to `stable` again."""
    return clear(
        prompt=prompt, tag=CANARY, actor=actor, reason=reason, expected_revision=expected_revision
    )


def clear(
    *, prompt: str, tag: str, actor: Actor, reason: str = "", expected_revision: int | None = None
) -> TagMove:
    """Take a tag away. `stable` cannot be: applications depend on it."""
    actor.require(Scope.PROMOTE, prompt)
    if tag == STABLE:
        raise CannotClearStableError
    with transaction.atomic(durable=durable()):
        row = queries.prompt(prompt)
        live = locked(row, tag, expected_revision)
        if live is None or live.event.version_id is None:
            raise TagNotSetError(f"{prompt} has no {tag} to clear", prompt=prompt, tag=tag)
        entry = Entry(TagEvent.Kind.CLEARED, version=None, model=None, reason=reason)
        return append(row, tag, live, entry, actor)


def override(*, target: Target, actor: Actor, reason: str) -> TagMove:
    """Break the glass: point a tag at a version without a certificate. Admins only, with a reason.

    The reason stays in the ledger and every page and answer shows the tag as overridden.
    """
    actor.require(Scope.ADMIN, target.prompt)
    if not reason.strip():
        raise ReasonMissingError
    check_shape(target)
    with transaction.atomic(durable=durable()):
        row, version, model = resolve(target)
        live = locked(row, target.tag, target.expected_revision)
        entry = Entry(
            TagEvent.Kind.OVERRIDDEN, version, model, weight=target.weight, reason=reason.strip()
        )
        return append(row, target.tag, live, entry, actor)


def release(*, targets: Sequence[Target], actor: Actor, reason: str = "") -> tuple[TagMove, ...]:
    """Promote several tags together: all of them move, or none does. Raises as `promote` does,
    and ReleaseTargetTwiceError.
    """
    # One order for everybody, and every tag is locked before the first entry is written: entries
    # take the registry's counter, and whoever holds that must not wait for a tag.
    ordered = sorted(targets, key=lambda target: (target.prompt, target.tag))
    for one, other in itertools.pairwise(ordered):
        if (one.prompt, one.tag) == (other.prompt, other.tag):
            raise ReleaseTargetTwiceError(f"{one.prompt}:{one.tag} is named twice")
    with telling_refusals(actor), transaction.atomic(durable=durable()):
        plans = planned(ordered, actor, reason)
        together = open_release(actor, reason)
        return tuple(
            append(plan.prompt, plan.tag, plan.live, replace(plan.entry, release=together), actor)
            for plan in plans
        )
