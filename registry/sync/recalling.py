"""The ledger that the repository tells, by the rows of the database: at first contact.

What stands there is believed as tags.yaml is: whoever may push to the branch may write it. But an
entry comes back with no more than there is. A promotion whose certificate is gone, or whose version
or model reads differently now, comes back as an adoption: that is what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.findings import Finding
from registry.domain.certificate_file import CertificateRecord
from registry.domain.change import RepositoryChange
from registry.domain.ledger_file import LEDGER
from registry.domain.live_writing import Key
from registry.domain.told_move import ToldMove
from registry.models import Certificate, ModelVersion, Prompt, PromptVersion
from registry.promotion import Entry, Kind, RecalledMove
from registry.sync.evidence import LiveTarget, objections, stored
from registry.sync.past import Past, PinKey

_REASON_CHARS = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """A told move and the rows it names. `is_same`: they are what they were then."""

    move: ToldMove
    prompt: Prompt
    version: PromptVersion | None
    model: ModelVersion | None
    is_same: bool

    @property
    def target(self) -> LiveTarget | None:
        """Where it points the tag; None when it clears it."""
        if self.version is None:
            return None
        return LiveTarget(self.prompt, self.move.tag, self.version, self.model)

    @property
    def place(self) -> tuple[Key, int | None, int | None, int | None]:
        """What a rollback must have in common with the move it restores."""
        version, model = self.version, self.model
        return (
            self.move.key,
            version.pk if version else None,
            model.pk if model else None,
            self.move.weight,
        )


def placed(moves: Sequence[ToldMove], past: Past) -> tuple[list[Placed], list[Finding]]:
    """Every move of which the repository has the prompt and the version. A tag whose last move has
    not is left out: the one before it is not what was live.
    """
    prompts = {row.name: row for row in Prompt.objects.filter(name__in={m.prompt for m in moves})}
    rows = PromptVersion.objects.filter(prompt__in=prompts.values()).only(
        "prompt_id", "number", "digest"
    )
    versions = {(row.prompt_id, row.number): row for row in rows}
    pins = _pins(moves, past)
    current = {row.name: row for row in ModelVersion.objects.filter(is_current=True)}
    found: list[Placed] = []
    lost: dict[Key, ToldMove] = {}
    for move in moves:
        prompt = prompts.get(move.prompt)
        version = versions.get((prompt.pk, move.version or 0)) if prompt else None
        if prompt is None or (version is None and move.version is not None):
            lost[move.key] = move
            continue
        model = pins.get((move.model or "", move.model_digest or ""))
        digest = version.digest if version else None
        is_same = digest == move.version_digest and (model is None) == (move.model is None)
        found.append(Placed(move, prompt, version, model or current.get(move.model or ""), is_same))
    last = {move.key: move for move in moves}
    gone = {key for key, move in lost.items() if last[key] is move}
    return [one for one in found if one.move.key not in gone], [*_lost(lost, gone)]


def _lost(lost: dict[Key, ToldMove], gone: set[Key]) -> Iterator[Finding]:
    for (prompt, tag), move in lost.items():
        what = f"moves of {prompt}:{tag} to versions that the repository does not hold are left out"
        if (prompt, tag) in gone:
            what = f"{prompt}:{tag} was at v{move.version}, which the repository does not hold"
        yield Finding(LEDGER.rstrip("/"), 0, 0, "warning", "ledger_not_whole", what)


def _pins(moves: Sequence[ToldMove], past: Past) -> dict[PinKey, ModelVersion]:
    """The pins that moves name; those that models.yaml holds no more come from its history."""
    known = {(row.name, row.digest): row for row in ModelVersion.objects.all()}
    named = {(m.model, m.model_digest) for m in moves if m.model and m.model_digest}
    earlier = past.pins(named - known.keys())
    rows = ModelVersion.objects.bulk_create(
        ModelVersion(name=pin.name, digest=pin.digest, pin=pin.to_json(), is_current=False)
        for pin in earlier.values()
    )
    return known | {(row.name, row.digest): row for row in rows}


def live(moves: Sequence[Placed]) -> dict[Key, Placed]:
    """The move each tag is at."""
    return {one.move.key: one for one in moves}


def promoted(moves: Sequence[Placed]) -> list[LiveTarget]:
    """Where the tags point that a promotion brought there, or a rollback to one."""
    by_revision = {one.move.revision: one for one in moves}
    targets = []
    for one in live(moves).values():
        stands_on = by_revision.get(one.move.restores or one.move.revision, one)
        if stands_on.move.kind == Kind.PROMOTED and one.target is not None:
            targets.append(one.target)
    return targets


def recalled(change: RepositoryChange, moves: Sequence[Placed], past: Past) -> list[RecalledMove]:
    """The entries to be written, with the certificates that are still there. Those that the tip
    holds and that still prove something are stored already.
    """
    by_revision: dict[int, Placed] = {}
    made = []
    for one in moves:
        by_revision[one.move.revision] = one
        made.append(_recalled(change, one, by_revision, past))
    return made


def _recalled(
    change: RepositoryChange, one: Placed, earlier: dict[int, Placed], past: Past
) -> RecalledMove:
    move, kind, certificate = one.move, Kind(one.move.kind), None
    restored = earlier.get(move.restores or 0)
    if kind == Kind.PROMOTED:
        certificate = _certificate(change, one, past)
    is_hollow = kind == Kind.PROMOTED and certificate is None
    if is_hollow or (kind == Kind.ROLLED_BACK and (not restored or restored.place != one.place)):
        kind = Kind.ADOPTED
    return RecalledMove(
        revision=move.revision,
        at=move.moment,
        prompt=one.prompt,
        tag=move.tag,
        entry=Entry(kind, one.version, one.model, move.weight, move.reason, certificate),
        actor=move.actor,
        role=move.role,
        commit=move.commit or change.commit,
        restores=move.restores if kind == Kind.ROLLED_BACK else None,
        release=move.release,
    )


def _certificate(change: RepositoryChange, one: Placed, past: Past) -> Certificate | None:
    """What a promotion rested on; stored as expired when only the history holds it, or when it
    proves nothing any more. None when there is none about this version and model.
    """
    move, target = one.move, one.target
    if target is None or target.model is None or not one.is_same:
        return None
    row = Certificate.objects.filter(digest=move.certificate).first()
    if row is None:
        found = past.certificate(
            move.prompt, target.version.number, target.model.name, move.certificate or ""
        )
        if found is None or not _is_about(found[1], target):
            return None
        if Certificate.objects.filter(run=found[1].run).exists():
            return None
        why = "; ".join(objections(target, *found, change.now)) or "only the history holds it"
        row = stored(target, found[1], expired=(change.now, why[:_REASON_CHARS]))
    is_about = (row.prompt_version_id, row.model_version_id) == (target.version.pk, target.model.pk)
    return row if is_about else None


def _is_about(record: CertificateRecord, target: LiveTarget) -> bool:
    assert target.model is not None
    named = record.verdict, record.prompt_digest, record.model_digest
    return named == ("PASS", target.version.digest, target.model.digest)
