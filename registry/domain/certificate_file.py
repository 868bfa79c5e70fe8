"""`certificates/<prompt>/v<version>@<model>.json`: evidence beside the tags it carries.

One file holds what a version on a model was certified with, one record a gate policy, and the
newest ledger entry of each tag that stands on it. Nothing is signed: the file is worth as much as
the right to push to the branch. What makes it evidence is that every digest in it must be that of
what the repository holds, and the record's own digest that of all its fields.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from core.digest import digest
from core.errors import InvalidError
from registry.domain.names import UNSTORABLE

SCHEMA = "assay/certificates/v1"
FOLDER = "certificates/"
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
# What no clock says; databases and Python do not agree on the years beyond.
_FIRST_YEAR, _LAST_YEAR = 2000, 9000
# NUL and half characters, which PostgreSQL refuses; they cannot stand there unescaped.
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


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
        """Sorted and indented: equal contents are equal bytes, and a change is a short diff."""
        value = {"schema": SCHEMA, **asdict(self)}
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()

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
        text = data.decode("utf-8")
        if _ESCAPED.search(text):
            raise ValueError("it holds characters that no text has")  # noqa: TRY301
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        read = _file(value)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CertificateFileError(f"{path} is not a certificate file: {_reason(error)}") from None
    if read.path != path:
        raise CertificateFileError(f"{path} is about {read.path}")
    return read


def _file(value: Any) -> CertificateFile:
    top = _mapping(value, {"schema", *(field.name for field in fields(CertificateFile))})
    if top["schema"] != SCHEMA:
        raise ValueError(f"its schema is {str(top['schema'])[:60]!r}, not {SCHEMA!r}")
    return CertificateFile(
        prompt=_text(top["prompt"]),
        version=_number(top["version"]),
        model=_text(top["model"]),
        certificates=tuple(_record(one) for one in _list(top["certificates"])),
        moves=tuple(_move(one) for one in _list(top["moves"])),
    )


def _record(value: Any) -> CertificateRecord:
    known = _mapping(value, {field.name for field in fields(CertificateRecord)})
    for name in ("digest", "prompt_digest", "model_digest", "suite_digest", "policy_digest"):
        if not _DIGEST.fullmatch(_text(known[name])):
            raise ValueError(f"{name} is not a digest")
    for name, most in (("fingerprint", 64), ("verdict", 12), ("policy", 100)):
        if not 1 <= len(_text(known[name])) <= most:
            raise ValueError(f"{name} has not 1 to {most} characters")
    UUID(_text(known["run"]))
    _time(known["issued_at"])
    if known["valid_until"] is not None:
        _time(known["valid_until"])
    if not isinstance(known["evidence"], dict):
        raise TypeError("evidence is not a mapping")
    return CertificateRecord(**known)


def _move(value: Any) -> MoveRecord:
    known = _mapping(value, {field.name for field in fields(MoveRecord)})
    for name in ("tag", "kind", "certificate", "actor", "reason"):
        _text(known[name])
    _number(known["sequence"])
    _number(known["registry_revision"])
    _time(known["at"])
    return MoveRecord(**known)


def _mapping(value: Any, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        raise ValueError(f"a mapping with {', '.join(sorted(keys))} is expected")
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > 100:
        raise ValueError("a list of at most 100 is expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or UNSTORABLE.search(value):
        raise TypeError("a text is expected")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
        raise TypeError("a whole number from 1 is expected")
    return value


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError("a time of our days with its offset is expected")
    return moment


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large")
    return value


def _reason(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
