"""Certificates that lie in the repository, taken over with the tags they carry at first contact.

After a rebuild nobody has evaluated anything here, so a certificate counts only if everything it
names is what the repository holds now. What was served then cannot be asked: nobody has measured
the models yet, and the first measurement that finds something else ends the certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from core.findings import Finding
from registry import queries
from registry.domain.certificate_file import (
    FOLDER,
    CertificateFile,
    CertificateFileError,
    CertificateRecord,
    certificate_path,
    parse_certificates,
)
from registry.domain.change import RepositoryChange
from registry.domain.judge_model import JudgeModel
from registry.domain.live_writing import Key
from registry.domain.told_move import MAX_REVISION
from registry.models import Certificate, GatePolicy, ModelVersion, Prompt, PromptVersion


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """A tag that is about to be adopted, by its rows."""

    prompt: Prompt
    tag: str
    version: PromptVersion
    model: ModelVersion | None

    @property
    def key(self) -> Key:
        """`(prompt, tag)`."""
        return self.prompt.name, self.tag

    @property
    def named(self) -> tuple[int, str]:
        """Version and model as tags.yaml can say them: a model's pin is not among that."""
        return self.version.number, self.model.name if self.model else ""


@dataclass(slots=True)
class Evidence:
    """What the repository proves of the tags it says are live, and why not of the others."""

    certificates: dict[Key, Certificate] = field(default_factory=dict)
    #: The registry's revision at which a tag was moved there, as far as its certificate tells.
    revisions: dict[Key, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def import_evidence(change: RepositoryChange, targets: Iterable[LiveTarget]) -> Evidence:
    """Store the certificates that hold: for these tags, and for versions that could be promoted
    again. Joins the sync's transaction.
    """
    evidence = Evidence()
    held = frozenset(change.files.paths())
    read: dict[str, CertificateFile | None] = {}
    for target in targets:
        path = _path(target)
        if path not in held:
            continue
        if path not in read:
            read[path] = _read(change, path, evidence)
        file = read[path]
        if file is not None:
            _import(target, file, evidence, change.now)
    for path in sorted(held):
        if path.startswith(FOLDER) and "/@" not in path:
            file = read[path] if path in read else _read(change, path, evidence)
            _import_unused(file, change.now)
    return evidence


def _import_unused(file: CertificateFile | None, now: datetime) -> None:
    """Certificates that no tag stands on. What does not hold any more is history, and no finding:
    files of earlier suites and pins stay in every repository.
    """
    if file is None:
        return
    version = PromptVersion.objects.filter(prompt__name=file.prompt, number=file.version).first()
    model = ModelVersion.objects.filter(name=file.model, is_current=True).first()
    if version is None or model is None:
        return
    target = LiveTarget(version.prompt, "", version, model)
    for record in file.certificates:
        if not any(objections(target, file, record, now)):
            stored(target, record)


def _path(target: LiveTarget) -> str:
    name = target.model.name if target.model else ""
    return certificate_path(target.prompt.name, target.version.number, name)


def _read(change: RepositoryChange, path: str, evidence: Evidence) -> CertificateFile | None:
    try:
        return parse_certificates(path, change.files.read(path))
    except CertificateFileError as error:
        evidence.findings.append(_finding(path, error.message))
        return None


def _import(target: LiveTarget, file: CertificateFile, evidence: Evidence, now: datetime) -> None:
    policy = queries.policy_for(target.prompt, target.tag)
    reasons = [f"no gate policy guards {target.tag}"]
    if policy is not None:
        reasons = [f"it holds none for the gate policy {policy.name}"]
        for record in file.certificates:
            if record.policy == policy.name:
                reasons = list(objections(target, file, record, now))
                if not reasons:
                    evidence.certificates[target.key] = stored(target, record)
                    revision = min(file.revision_of(target.tag) or 0, MAX_REVISION)
                    evidence.revisions[target.key] = revision
                    return
    told = f"it does not prove {target.prompt.name}:{target.tag}: {'; '.join(reasons)}"
    evidence.findings.append(_finding(file.path, told))


def objections(
    target: LiveTarget, file: CertificateFile, record: CertificateRecord, now: datetime
) -> Iterator[str]:
    """Why a record proves nothing about the target's version and model now, a sentence each."""
    model, prompt = target.model, target.prompt
    if model is None or record.verdict != "PASS":
        yield "it is no certificate of a model that passed"
        return
    if file.digest_of(record) != record.digest:
        yield "it was changed after it was issued"
    if record.prompt_digest != target.version.digest:
        yield "the version reads differently now"
    if record.model_digest != model.digest:
        yield f"{model.name} is another pin now"
    if model.fingerprint not in ("", record.fingerprint):
        yield f"{model.name} serves something else now"
    if record.suite_digest != prompt.suite_digest:
        yield "its suite reads differently now"
    if not GatePolicy.objects.filter(name=record.policy, digest=record.policy_digest).exists():
        yield f"the gate policy {record.policy} reads differently now"
    if record.valid_until and datetime.fromisoformat(record.valid_until) <= now:
        yield "it is too old"
    named = Certificate.objects.filter(Q(run=record.run) | Q(digest=record.digest))
    if named.exclude(digest=record.digest, expired_at=None).exists():
        yield "it is known here, and says something else or has expired"
    yield from _judges(record)


def _judges(record: CertificateRecord) -> Iterator[str]:
    try:
        judges = [JudgeModel(**judge) for judge in record.evidence.get("judge_models", ())]
    except TypeError:
        yield "its judges are not readable"
        return
    if not judges and record.evidence.get("judges"):
        yield "its judges were not measured then"
    for judge in judges:
        row = ModelVersion.objects.filter(
            name=judge.name, digest=judge.digest, is_current=True
        ).first()
        if row is None or row.fingerprint not in ("", judge.fingerprint):
            yield f"{judge.name}, which judged, is something else now"


def stored(
    target: LiveTarget, record: CertificateRecord, expired: tuple[datetime, str] | None = None
) -> Certificate:
    """The row, once: several tags may stand on one certificate. `expired`: since when, and why."""
    existing = Certificate.objects.filter(digest=record.digest, expired_at=None).first()
    if existing is not None:
        return existing
    assert target.model is not None
    until = record.valid_until
    return Certificate.objects.create(
        prompt_version=target.version,
        model_version=target.model,
        fingerprint=record.fingerprint,
        suite_digest=record.suite_digest,
        policy=record.policy,
        policy_digest=record.policy_digest,
        verdict=record.verdict,
        run=UUID(record.run),
        evidence=dict(record.evidence),
        digest=record.digest,
        issued_at=datetime.fromisoformat(record.issued_at),
        valid_until=datetime.fromisoformat(until) if until else None,
        expired_at=expired[0] if expired else None,
        expired_reason=expired[1] if expired else "",
    )


def _finding(path: str, message: str) -> Finding:
    hint = "evaluate the version again; until then its tag is unproven"
    return Finding(path, 0, 0, "warning", "certificate_not_taken", message, hint)
