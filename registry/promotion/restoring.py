"""Roll back: restore an earlier entry of a tag's own ledger."""

from __future__ import annotations

from django.db import transaction

from registry import queries
from registry.domain.actor import Actor, Scope
from registry.errors import NothingToRollBackToError, TagNotSetError
from registry.models.ledger import TagEvent
from registry.promotion.ledger import append, durable, locked
from registry.promotion.values import STABLE, Entry, TagMove


def rollback(
    *,
    prompt: str,
    tag: str = STABLE,
    actor: Actor,
    to_version: int | None = None,
    reason: str = "",
    expected_revision: int | None = None,
) -> TagMove:
    """Restore what was live before: the entry the current one replaced, or the newest with
    `to_version`. Rolling back twice goes back two moves; it does not swing to and fro.

    Needs no certificate, because the restored entry had its evidence. What was overridden never
    had any, so only admins go back to it. Warns when the model was measured to be something else
    since.
    """
    actor.require(Scope.PROMOTE, prompt)
    with transaction.atomic(durable=durable()):
        row = queries.prompt(prompt)
        live = locked(row, tag, expected_revision)
        if live is None:
            raise TagNotSetError(f"{prompt} has no {tag} yet", prompt=prompt, tag=tag)
        earlier = _rollback_target(live.event, to_version, actor)
        entry = Entry(
            TagEvent.Kind.ROLLED_BACK,
            version=earlier.version,
            model=earlier.model,
            weight=earlier.weight,
            reason=reason,
            restores=earlier,
            warnings=_drift_warnings(earlier),
        )
        return append(row, tag, live, entry, actor)


def _rollback_target(current: TagEvent, to_version: int | None, actor: Actor) -> TagEvent:
    """The entry to restore. One that was never certified is for those who could override again."""
    may_skip_the_gate = actor.may(Scope.ADMIN)
    earlier = queries.entry_to_restore(current, to_version, with_overrides=may_skip_the_gate)
    if earlier is None:
        wanted = f"v{to_version}" if to_version else "an earlier version"
        raise NothingToRollBackToError(
            f"{current.prompt.name}:{current.tag} has no entry to go back to with {wanted}",
            hint="" if may_skip_the_gate else "an admin can also go back to what was overridden",
            prompt=current.prompt.name,
            tag=current.tag,
        )
    return earlier


def _drift_warnings(earlier: TagEvent) -> tuple[str, ...]:
    proof, model = queries.evidence_of(earlier).certificate, earlier.model
    if proof is None:
        return (f"{earlier.version} was {earlier.get_kind_display().lower()}, never certified",)
    if model is not None and not model.fingerprint:
        return (f"{model.name} was not measured since its address changed",)
    if model is not None and model.fingerprint != proof.fingerprint:
        return (f"{model.name} serves something else than when {earlier.version} was certified",)
    return ()
