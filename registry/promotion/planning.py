"""Decide whether a move is allowed: its shape, who moves, and the evidence for it."""

from __future__ import annotations

from django.utils import timezone

from registry import certificates, queries
from registry.domain.actor import Actor, Scope
from registry.domain.names import RESERVED_TAGS, is_name
from registry.errors import (
    CanaryNeedsWeightError,
    ModelUnknownError,
    NotCertifiedError,
    TagNameInvalidError,
)
from registry.models import ModelVersion, Prompt, PromptVersion
from registry.models.ledger import TagEvent
from registry.promotion.ledger import locked
from registry.promotion.values import CANARY, Entry, Plan, Target


def planned(target: Target, actor: Actor, reason: str) -> Plan:
    """Lock the tag and find the evidence for moving it."""
    actor.require(Scope.PROMOTE, target.prompt)
    check_shape(target)
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
