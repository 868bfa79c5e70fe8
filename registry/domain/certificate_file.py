"""`certificates/<prompt>/v<version>@<model>.json`: evidence beside the tags it carries.

One file holds what a version on a model was certified with, one record a gate policy, and the
newest ledger entry of each tag that stands on it. Nothing is signed: the file is worth as much as
the right to push to the branch. What makes it evidence is that every digest in it must be that of
what the repository holds, and the record's own digest that of all its fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from core.digest import digest
from core.errors import InvalidError
from registry.domain.json_file import (
    MISTAKES,
    dump,
    listed,
    load,
    mapping,
    moment,
    number,
    reason,
    text,
)

SCHEMA = "assay/certificates/v1"
FOLDER = "certificates/"
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class CertificateFileError(InvalidError):
    """The file is not a certificate of Assay."""

    code = "certificate_file"
    hint = "it is written by Assay; delete it, and evaluate again"


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One certificate. Times are ISO 8601 with an offset; `evidence` are the figures of the run."""

    digest: str
    run: str
    verdict: str
    prompt_digest: str
    model_digest: str
    fingerprint: str
    suite_digest: str
    policy: str
    policy_digest: str
    issued_at: str
    valid_until: str | None
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """The newest ledger entry of a tag that stands on one of the certificates."""

    tag: str
    kind: str
    certificate: str
    #: The tag's own count of moves, and the registry's: the order of the ledger.
    sequence: int
    registry_revision: int
    actor: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """The whole file."""

    prompt: str
    version: int
    model: str
    certificates: tuple[CertificateRecord, ...]
    moves: tuple[MoveRecord, ...]

    @property
    def path(self) -> str:
        """Where it belongs in the repository."""
        return certificate_path(self.prompt, self.version, self.model)

    def to_bytes(self) -> bytes:
        """As it stands in the repository."""
        return dump({"schema": SCHEMA, **asdict(self)})

    def revision_of(self, tag: str) -> int | None:
        """The registry's revision at which `tag` came here; None when the file does not say."""
        return next((move.registry_revision for move in self.moves if move.tag == tag), None)

    def digest_of(self, record: CertificateRecord) -> str:
        """What the digest of `record` must be."""
        return proven_digest(
            prompt=self.prompt,
            version=self.version,
            prompt_digest=record.prompt_digest,
            model=self.model,
            model_digest=record.model_digest,
            fingerprint=record.fingerprint,
            suite_digest=record.suite_digest,
            policy=record.policy,
            policy_digest=record.policy_digest,
            run=record.run,
            evidence=record.evidence,
        )


def certificate_path(prompt: str, version: int, model: str) -> str:
    """Where the certificates of a version on a model lie."""
    return f"{FOLDER}{prompt}/v{version}@{model}.json"


def proven_digest(**proven: Any) -> str:
    """The digest of a certificate: over everything it names. Keyword names are part of it."""
    return digest(proven)


def parse_certificates(path: str, data: bytes) -> CertificateFile:
    """Read the file at `path`. Raises CertificateFileError for anything Assay would not write."""
    try:
        read = _file(load(data))
    except MISTAKES as error:
        raise CertificateFileError(f"{path} is not a certificate file: {reason(error)}") from None
    if read.path != path:
        raise CertificateFileError(f"{path} is about {read.path}")
    return read


def _file(value: Any) -> CertificateFile:
    top = mapping(value, {"schema", *(field.name for field in fields(CertificateFile))})
    if top["schema"] != SCHEMA:
        raise ValueError(f"its schema is {str(top['schema'])[:60]!r}, not {SCHEMA!r}")
    return CertificateFile(
        prompt=text(top["prompt"]),
        version=number(top["version"]),
        model=text(top["model"]),
        certificates=tuple(_record(one) for one in listed(top["certificates"])),
        moves=tuple(_move(one) for one in listed(top["moves"])),
    )


def _record(value: Any) -> CertificateRecord:
    known = mapping(value, {field.name for field in fields(CertificateRecord)})
    for name in ("digest", "prompt_digest", "model_digest", "suite_digest", "policy_digest"):
        if not _DIGEST.fullmatch(text(known[name])):
            raise ValueError(f"{name} is not a digest")
    for name, most in (("fingerprint", 64), ("verdict", 12), ("policy", 100)):
        if not 1 <= len(text(known[name])) <= most:
            raise ValueError(f"{name} has not 1 to {most} characters")
    UUID(text(known["run"]))
    moment(known["issued_at"])
    if known["valid_until"] is not None:
        moment(known["valid_until"])
    if not isinstance(known["evidence"], dict):
        raise TypeError("evidence is not a mapping")
    return CertificateRecord(**known)


def _move(value: Any) -> MoveRecord:
    known = mapping(value, {field.name for field in fields(MoveRecord)})
    for name in ("tag", "kind", "certificate", "actor", "reason"):
        text(known[name])
    number(known["sequence"])
    number(known["registry_revision"])
    moment(known["at"])
    return MoveRecord(**known)
