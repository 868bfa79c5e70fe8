"""What the ledger says about moves that are to be written back."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Max

from registry import queries
from registry.domain.certificate_file import CertificateFile, CertificateRecord, MoveRecord
from registry.domain.live import LiveTag
from registry.domain.live_writing import Key
from registry.domain.moves_file import LastMove
from registry.models import Certificate, ModelVersion, Prompt, PromptVersion
from registry.models.ledger import Tag, TagEvent

#: Entries looked at to find the newest one of each tag.
_MOVES_READ = 200


def moves(ids: Collection[int]) -> tuple[TagEvent, ...]:
    """These ledger entries, oldest first."""
    rows = TagEvent.objects.filter(pk__in=ids).select_related(
        "prompt", "version", "model", "previous__version"
    )
    return tuple(rows.order_by("registry_revision"))


def live_tags(keys: Collection[Key]) -> dict[Key, TagEvent]:
    """Where these tags point now."""
    rows = Tag.objects.filter(prompt__name__in={prompt for prompt, _ in keys}).select_related(
        "prompt", "event__prompt", "event__version__prompt", "event__model"
    )
    found = {(row.prompt.name, row.name): row.event for row in rows}
    return {key: found[key] for key in keys if key in found}


def as_entry(event: TagEvent) -> LiveTag | None:
    """The line of tags.yaml that says so; None when the tag was cleared."""
    if event.version is None:
        return None
    model = event.model.name if event.model else None
    return LiveTag(event.prompt.name, event.tag, event.version.number, model, event.weight)


def default_models(prompts: Collection[str]) -> dict[str, str | None]:
    """What a line without a model means."""
    rows = Prompt.objects.filter(name__in=prompts).values_list("name", "default_model")
    return {name: model or None for name, model in rows}


def certificate_file(event: TagEvent) -> CertificateFile | None:
    """The certificates of the version and model an entry points at; None when none holds."""
    if event.version is None or event.model is None:
        return None
    version, model = event.version, event.model
    # The newest pin of the name: an older one's certificates prove nothing about it.
    issued = Certificate.objects.filter(
        prompt_version=version, model_version=model, expired_at=None
    ).order_by("id")
    records = {one.pk: _record(one, version, model) for one in issued}
    if not records:
        return None
    return CertificateFile(
        prompt=event.prompt.name,
        version=version.number,
        model=model.name,
        certificates=tuple(records.values()),
        moves=_newest_moves(event, records),
    )


def _record(one: Certificate, version: PromptVersion, model: ModelVersion) -> CertificateRecord:
    return CertificateRecord(
        digest=one.digest,
        run=str(one.run),
        verdict=one.verdict,
        prompt_digest=version.digest,
        model_digest=model.digest,
        fingerprint=one.fingerprint,
        suite_digest=one.suite_digest,
        policy=one.policy,
        policy_digest=one.policy_digest,
        issued_at=one.issued_at.isoformat(),
        valid_until=one.valid_until.isoformat() if one.valid_until else None,
        evidence=one.evidence,
    )


def _newest_moves(event: TagEvent, records: dict[int, CertificateRecord]) -> tuple[MoveRecord, ...]:
    rows = TagEvent.objects.filter(
        prompt=event.prompt, version=event.version, model=event.model
    ).select_related("certificate", "restores__certificate")
    newest: dict[str, MoveRecord] = {}
    for row in rows.order_by("-registry_revision")[:_MOVES_READ]:
        proof = queries.evidence_of(row).certificate
        if proof is not None and proof.pk in records:
            newest.setdefault(row.tag, _move(row, records[proof.pk].digest))
    return tuple(newest[tag] for tag in sorted(newest))


def _move(row: TagEvent, certificate: str) -> MoveRecord:
    return MoveRecord(
        tag=row.tag,
        kind=row.kind,
        certificate=certificate,
        sequence=row.sequence,
        registry_revision=row.registry_revision,
        actor=row.actor,
        reason=row.reason,
        at=row.created_at.isoformat(),
    )


def last_moves(prompt: str, written: Collection[LastMove]) -> tuple[LastMove, ...]:
    """The move each tag of a prompt is at. Of what was adopted, those `written` are kept: they say
    how it came there before the database was lost.
    """
    known = {move.tag: move for move in written}
    rows = Tag.objects.filter(prompt__name=prompt, event__version__isnull=False).select_related(
        "event__version", "event__model"
    )
    moves = (
        known.get(row.name) if row.event.kind == TagEvent.Kind.ADOPTED else _last_move(row.event)
        for row in rows
    )
    return tuple(move for move in moves if move is not None)


def _last_move(event: TagEvent) -> LastMove:
    assert event.version is not None
    return LastMove(
        tag=event.tag,
        version=event.version.number,
        model=event.model.name if event.model else None,
        weight=event.weight,
        kind=event.kind,
        sequence=event.sequence,
        registry_revision=event.registry_revision,
        actor=event.actor,
        reason=event.reason,
        at=event.created_at.isoformat(),
    )


def newest_revision() -> int:
    """How many moves the registry has seen."""
    return TagEvent.objects.aggregate(Max("registry_revision"))["registry_revision__max"] or 0
