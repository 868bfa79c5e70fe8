"""Move tags. The only writer of tags and of the ledger, on every path into Assay.

Each public function is one transaction: lock the tag, compare the expected revision, find the
evidence, append the ledger entry, step the tag to it. The database checks all of it again
(constraints of `models.ledger`, triggers of migration 0002) and sends the NOTIFY itself.
No Git, broker, worker or model server is needed for any of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from registry import certificates, queries
from registry.domain.actor import SYSTEM, Actor, Scope
from registry.domain.names import RESERVED_TAGS, is_name
from registry.errors import (
    CanaryNeedsWeightError,
    CannotClearStableError,
    ModelUnknownError,
    NotCertifiedError,
    NothingToRollBackToError,
    ReasonMissingError,
    ReleaseTargetTwiceError,
    RevisionConflictError,
    TagNameInvalidError,
    TagNotSetError,
)
from registry.models import Certificate, ModelVersion, OutboxMessage, Prompt, PromptVersion
from registry.models.ledger import Release, Tag, TagEvent

STABLE = "stable"
CANARY = "canary"


@dataclass(frozen=True, slots=True)
class TagMove:
    """What a move did. `warnings` are sentences a person should read."""

    event: TagEvent
    previous: TagEvent | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a tag should point: a version on a model (None: the prompt's default model)."""

    prompt: str
    tag: str
    version: int
    model: str | None = None
    weight: int | None = None
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """A ledger entry before it has its place in the chain."""

    kind: TagEvent.Kind
    version: PromptVersion | None
    model: ModelVersion | None
    weight: int | None = None
    reason: str = ""
    certificate: Certificate | None = None
    restores: TagEvent | None = None
    release: Release | None = None
    warnings: tuple[str, ...] = field(default=())


def promote(*, target: Target, actor: Actor, reason: str = "") -> TagMove:
    """Point a tag at a version that passed its gate.

    Raises NotAllowedError, NotFoundError kinds, NotCertifiedError, RevisionConflictError.
    """
    with transaction.atomic(durable=_durable()):
        plan = _planned(target, actor, reason)
        return _append(plan.prompt, plan.tag, plan.live, plan.entry, actor)


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
    with transaction.atomic(durable=_durable()):
        row = queries.prompt(prompt)
        live = _locked(row, tag, expected_revision)
        if live is None or live.event.version_id is None:
            raise TagNotSetError(f"{prompt} has no {tag} to clear", prompt=prompt, tag=tag)
        entry = _Entry(TagEvent.Kind.CLEARED, version=None, model=None, reason=reason)
        return _append(row, tag, live, entry, actor)


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
    with transaction.atomic(durable=_durable()):
        row = queries.prompt(prompt)
        live = _locked(row, tag, expected_revision)
        if live is None:
            raise TagNotSetError(f"{prompt} has no {tag} yet", prompt=prompt, tag=tag)
        earlier = _rollback_target(live.event, to_version, actor)
        entry = _Entry(
            TagEvent.Kind.ROLLED_BACK,
            version=earlier.version,
            model=earlier.model,
            weight=earlier.weight,
            reason=reason,
            restores=earlier,
            warnings=_drift_warnings(earlier),
        )
        return _append(row, tag, live, entry, actor)


def override(*, target: Target, actor: Actor, reason: str) -> TagMove:
    """Break the glass: point a tag at a version without a certificate. Admins only, with a reason.

    The reason stays in the ledger and every page and answer shows the tag as overridden.
    """
    actor.require(Scope.ADMIN, target.prompt)
    if not reason.strip():
        raise ReasonMissingError
    _check_shape(target)
    with transaction.atomic(durable=_durable()):
        row, version, model = _resolve(target)
        live = _locked(row, target.tag, target.expected_revision)
        entry = _Entry(
            TagEvent.Kind.OVERRIDDEN, version, model, weight=target.weight, reason=reason.strip()
        )
        return _append(row, target.tag, live, entry, actor)


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
    with transaction.atomic(durable=_durable()):
        plans = [_planned(target, actor, reason) for target in ordered]
        together = Release.objects.create(actor=actor.name, reason=reason)
        return tuple(
            _append(plan.prompt, plan.tag, plan.live, replace(plan.entry, release=together), actor)
            for plan in plans
        )


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a repository says is live, for a tag without history."""

    prompt: Prompt
    tag: str
    version: PromptVersion
    model: ModelVersion | None
    weight: int | None = None


def adopt(*, adoptions: Sequence[Adoption], commit: str) -> int:
    """First contact: take over what the repository says is live. Returns how many tags.

    Part of a sync, so it joins the caller's transaction. Tags that have a history are left out.
    In bulk, because a repository may bring thousands.
    """
    if not adoptions:
        return 0
    # Every move holds the counter until it is committed, so no history begins after this line.
    first = next_registry_revision(0) + 1
    moved = queries.tags_with_history()
    adoptions = [one for one in adoptions if (one.prompt.name, one.tag) not in moved]
    next_registry_revision(len(adoptions))
    events = TagEvent.objects.bulk_create(
        TagEvent(
            prompt=adoption.prompt,
            tag=adoption.tag,
            sequence=1,
            kind=TagEvent.Kind.ADOPTED,
            version=adoption.version,
            model=adoption.model,
            weight=adoption.weight,
            actor=SYSTEM.name,
            role=SYSTEM.role,
            commit=commit,
            registry_revision=first + offset,
        )
        for offset, adoption in enumerate(adoptions)
    )
    Tag.objects.bulk_create(
        Tag(prompt=event.prompt, name=event.tag, event=event, revision=1) for event in events
    )
    OutboxMessage.objects.bulk_create(
        OutboxMessage(topic="tag.moved", payload={"event": event.pk}) for event in events
    )
    return len(events)


def _durable() -> bool:
    """Outside tests each move is its own transaction, never part of a larger one."""
    return not connection.in_atomic_block


@dataclass(frozen=True, slots=True)
class _Plan:
    """A move that is allowed; its tag is locked (`live` None: it was never set)."""

    prompt: Prompt
    tag: str
    live: Tag | None
    entry: _Entry


def _planned(target: Target, actor: Actor, reason: str) -> _Plan:
    """Lock the tag and find the evidence for moving it."""
    actor.require(Scope.PROMOTE, target.prompt)
    _check_shape(target)
    row, version, model = _resolve(target)
    live = _locked(row, target.tag, target.expected_revision)
    if model is None:
        raise ModelUnknownError(
            f"{target.prompt} names no default model", hint="say which model: --model NAME"
        )
    proof = certificates.find_valid(
        version=version, model=model, tag=target.tag, now=timezone.now()
    )
    if proof.certificate is None:
        raise _not_certified(target, version, model, proof)
    entry = _Entry(
        TagEvent.Kind.PROMOTED,
        version,
        model,
        weight=target.weight,
        reason=reason,
        certificate=proof.certificate,
    )
    return _Plan(row, target.tag, live, entry)


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


def _check_shape(target: Target) -> None:
    if not is_name(target.tag) or target.tag in RESERVED_TAGS:
        raise TagNameInvalidError(f"{target.tag!r} cannot be a tag")
    if (target.tag == CANARY) != (target.weight is not None):
        raise CanaryNeedsWeightError
    if target.weight is not None and not 0 <= target.weight <= 100:
        raise CanaryNeedsWeightError(f"weight {target.weight} is not between 0 and 100 percent")


def _resolve(target: Target) -> tuple[Prompt, PromptVersion, ModelVersion | None]:
    row = queries.prompt(target.prompt)
    version = queries.version(row, target.version)
    name = target.model or row.default_model
    return row, version, queries.current_model(name) if name else None


def _locked(prompt: Prompt, tag: str, expected_revision: int | None) -> Tag | None:
    """The tag's row, locked until the transaction ends; None when it was never set."""
    # Without a join: after waiting for the lock PostgreSQL looks at the row again, and a join
    # would not find the entry that the winner has just written.
    # The table's own order would join the prompt, and lock its row against every sync.
    found = Tag.objects.select_for_update(of=("self",)).filter(prompt=prompt, name=tag)
    live = found.order_by("pk").first()
    revision = live.revision if live else 0
    if expected_revision is not None and expected_revision != revision:
        raise _conflict(prompt.name, tag, revision)
    return live


def _conflict(prompt: str, tag: str, revision: int) -> RevisionConflictError:
    return RevisionConflictError(
        f"{prompt}:{tag} is at revision {revision} by now",
        prompt=prompt,
        tag=tag,
        revision=revision,
    )


def _append(prompt: Prompt, tag: str, live: Tag | None, entry: _Entry, actor: Actor) -> TagMove:
    """Write the ledger entry, step the tag to it, and leave a message for the outside world."""
    previous = live.event if live else None
    try:
        # The savepoint keeps the caller's transaction usable when somebody else set this tag for
        # the first time: there was no row to lock then.
        with transaction.atomic():
            event = TagEvent.objects.create(
                prompt=prompt,
                tag=tag,
                sequence=previous.sequence + 1 if previous else 1,
                previous=previous,
                kind=entry.kind,
                version=entry.version,
                model=entry.model,
                weight=entry.weight,
                actor=actor.name,
                role=actor.role,
                reason=entry.reason,
                certificate=entry.certificate,
                restores=entry.restores,
                release=entry.release,
                registry_revision=next_registry_revision(),
            )
            if live is None:
                Tag.objects.create(prompt=prompt, name=tag, event=event, revision=event.sequence)
            else:
                live.event, live.revision = event, event.sequence
                live.save(update_fields=["event", "revision"])
    except IntegrityError as error:
        if "event_sequence_once" in str(error):
            raise _conflict(prompt.name, tag, queries.tag_revision(prompt, tag)) from error
        if "the certificate" in str(error):
            # The database looked again and saw what changed since we looked.
            raise NotCertifiedError(
                f"{entry.version} cannot carry {tag}: {_first_line(error)}"
            ) from error
        raise
    OutboxMessage.objects.create(topic="tag.moved", payload={"event": event.pk})
    return TagMove(event, previous, entry.warnings)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def next_registry_revision(moves: int = 1) -> int:
    """Count moves. The row lock makes the order of numbers that of commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO registry_registrystate (id, revision) VALUES (1, %s) "
            "ON CONFLICT (id) DO UPDATE "
            "SET revision = registry_registrystate.revision + EXCLUDED.revision "
            "RETURNING revision",
            [moves],
        )
        return int(cursor.fetchone()[0])


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
