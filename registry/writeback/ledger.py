"""What the ledger says about moves that are to be written back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from django.db.models import Max, QuerySet

from registry import queries
from registry.domain.certificate_file import CertificateFile, CertificateRecord, MoveRecord
from registry.domain.live import LiveTag
from registry.domain.live_writing import Key
from registry.domain.told_move import ToldMove
from registry.models import Certificate, ModelVersion, Prompt, PromptVersion
from registry.models.ledger import Tag, TagEvent

#: Entries looked at to find the newest one of each tag.
_MOVES_READ = 200


def moves(ids: Collection[int]) -> tuple[TagEvent, ...]:
    """These ledger entries, oldest first, without those that came from the repository."""
    rows = TagEvent.objects.filter(pk__in=ids, commit="").select_related(
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


def newest_known(moves: Sequence[ToldMove]) -> int | None:
    """The id of the newest entry among these moves that is one of ours; None when none is."""
    revisions = [move.revision for move in moves]
    rows = TagEvent.objects.filter(registry_revision__in=revisions).values_list(
        "registry_revision", "created_at", "prompt__name", "tag", "pk"
    )
    ours = {tuple(row): pk for *row, pk in rows}
    known = (ours.get((move.revision, move.moment, *move.key)) for move in reversed(moves))
    return next((pk for pk in known if pk is not None), None)


def entries_after(id_: int) -> QuerySet[TagEvent]:
    """The ledger's entries with a greater id, in their order."""
    rows = TagEvent.objects.filter(pk__gt=id_).order_by("pk")
    named = ("prompt", "version__prompt", "model", "certificate", "restores")
    unread = ("version__content", "version__template", "certificate__evidence")
    return rows.select_related(*named).defer(*unread)


def told(events: Iterable[TagEvent]) -> Iterator[ToldMove]:
    """Ledger entries in their order, no release in parts, as the repository tells them."""
    releases: dict[int, int] = {}
    for event in events:
        release = None
        if event.release_id is not None:
            release = releases.setdefault(event.release_id, event.registry_revision)
        yield ToldMove(
            revision=event.registry_revision,
            at=event.created_at.isoformat(),
            prompt=event.prompt.name,
            tag=event.tag,
            sequence=event.sequence,
            kind=event.kind,
            version=event.version.number if event.version else None,
            version_digest=event.version.digest if event.version else None,
            model=event.model.name if event.model else None,
            model_digest=event.model.digest if event.model else None,
            weight=event.weight,
            actor=event.actor,
            role=event.role,
            reason=event.reason,
            certificate=event.certificate.digest if event.certificate else None,
            restores=event.restores.registry_revision if event.restores else None,
            release=release,
            commit=event.commit,
        )


def newest_revision() -> int:
    """How many moves the registry has seen."""
    return TagEvent.objects.aggregate(Max("registry_revision"))["registry_revision__max"] or 0
