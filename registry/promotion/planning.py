"""Decide whether a move is allowed: its shape, who moves, and the evidence for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from django.db import connection, transaction
from django.utils import timezone

from registry import certificates, queries
from registry.domain.actor import Actor, Scope
from registry.domain.names import RESERVED_TAGS, is_name
from registry.errors import (
    CanaryNeedsWeightError,
    EvidenceChangingError,
    ModelUnknownError,
    NotCertifiedError,
    TagNameInvalidError,
)
from registry.models import ModelVersion, Prompt, PromptVersion
from registry.models.ledger import TagEvent
from registry.promotion.ledger import locked
from registry.promotion.values import CANARY, Entry, Plan, Target

#: How long a promotion waits for a sync to say what it makes of the evidence.
PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.05


def planned(targets: Sequence[Target], actor: Actor, reason: str) -> tuple[Plan, ...]:
    """Hold the evidence for these moves, lock their tags and look at both.

    Raises as `promote` does.
    """
    for target in targets:
        actor.require(Scope.PROMOTE, target.prompt)
        check_shape(target)
    _hold_evidence(targets)
    return tuple(_planned(target, reason) for target in targets)


def _hold_evidence(targets: Sequence[Target]) -> None:
    """Keep the certificates as they are until the transaction ends.

    The trigger locks them too, but by then the entry holds the registry's counter, and every
    rollback would wait for the sync that changes one. While it waits here it holds nothing: no
    tag, no counter, and no other certificate that the sync might want next.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        before = transaction.savepoint()
        if _hold(_evidence(targets)):
            transaction.savepoint_commit(before)
            return
        transaction.savepoint_rollback(before)
        if time.monotonic() >= give_up_at:
            raise EvidenceChangingError
        time.sleep(_LOOK_SECONDS)


def _evidence(targets: Sequence[Target]) -> frozenset[int]:
    """The certificates that would do as things are committed now; what has none is told later."""
    found: set[int] = set()
    for target in targets:
        _, version, model = resolve(target)
        if model is not None:
            proof = certificates.find_valid(
                version=version, model=model, tag=target.tag, now=timezone.now()
            )
            found.update([proof.certificate.pk] if proof.certificate else ())
    return frozenset(found)


def _hold(wanted: AbstractSet[int]) -> bool:
    """Share-lock certificates without waiting; False when one is being changed or has expired."""
    if not wanted:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM registry_certificate WHERE id = ANY(%s) AND expired_at IS NULL "
            "FOR SHARE SKIP LOCKED",
            [sorted(wanted)],
        )
        return {row[0] for row in cursor.fetchall()} == wanted


def _planned(target: Target, reason: str) -> Plan:
    row, version, model = resolve(target)
    live = locked(row, target.tag, target.expected_revision)
    if model is None:
        raise ModelUnknownError(
            f"{target.prompt} names no default model", hint="say which model: --model NAME"
        )
    proof = certificates.find_valid(
        version=version, model=model, tag=target.tag, now=timezone.now()
    )
    if proof.certificate is None:
        raise _not_certified(target, version, model, proof)
    # Held already, unless it was issued a moment ago. The tag is locked: no waiting here.
    if not _hold({proof.certificate.pk}):
        raise EvidenceChangingError
    entry = Entry(
        TagEvent.Kind.PROMOTED,
        version,
        model,
        weight=target.weight,
        reason=reason,
        certificate=proof.certificate,
    )
    return Plan(row, target.tag, live, entry)


def check_shape(target: Target) -> None:
    """Raise TagNameInvalidError or CanaryNeedsWeightError for what no tag can be."""
    if not is_name(target.tag) or target.tag in RESERVED_TAGS:
        raise TagNameInvalidError(f"{target.tag!r} cannot be a tag")
    if (target.tag == CANARY) != (target.weight is not None):
        raise CanaryNeedsWeightError
    if target.weight is not None and not 0 <= target.weight <= 100:
        raise CanaryNeedsWeightError(f"weight {target.weight} is not between 0 and 100 percent")


def resolve(target: Target) -> tuple[Prompt, PromptVersion, ModelVersion | None]:
    """The rows a target names; no model when neither it nor its prompt names one.

    Raises NotFoundError kinds.
    """
    row = queries.prompt(target.prompt)
    version = queries.version(row, target.version)
    name = target.model or row.default_model
    return row, version, queries.current_model(name) if name else None


def _not_certified(
    target: Target, version: PromptVersion, model: ModelVersion, proof: certificates.Proof
) -> NotCertifiedError:
    return NotCertifiedError(
        f"{version} has no valid certificate for {target.tag} on {model.name}: {proof.missing}",
        hint=f"assay eval {target.prompt} v{target.version} --model {model.name} --wait",
        prompt=target.prompt,
        tag=target.tag,
        version=target.version,
        model=model.name,
        reasons=list(proof.reasons),
    )
