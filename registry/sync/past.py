"""What the history of the repository still holds: pins and certificates that its tip does not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from registry.domain.certificate_file import (
    FOLDER,
    CertificateFile,
    CertificateFileError,
    CertificateRecord,
    certificate_path,
    parse_certificates,
)
from registry.domain.model_pin import ModelPin, parse_models
from registry.mirror import BlobMissingError, BlobTooBigError, Mirror

_MODELS = "models.yaml"
#: Model name and digest of the pin.
PinKey = tuple[str, str]


class Past:
    """The history of one commit. Nothing is read before it is asked for, and no file twice."""

    def __init__(self, mirror: Mirror, commit: str) -> None:
        """`commit` must be mirrored."""
        self._mirror = mirror
        self._commit = commit
        self._unread: dict[str, Iterator[CertificateFile]] = {}
        self._records: dict[str, dict[str, tuple[CertificateFile, CertificateRecord]]] = {}

    def pins(self, wanted: set[PinKey]) -> dict[PinKey, ModelPin]:
        """Those of the pins that models.yaml ever held, as it said last."""
        found: dict[PinKey, ModelPin] = {}
        for data in self._contents(_MODELS) if wanted else ():
            pins, _ = parse_models(_MODELS, data)
            for pin in pins.values():
                if (pin.name, pin.digest) in wanted:
                    found.setdefault((pin.name, pin.digest), pin)
            if len(found) == len(wanted):
                break
        return found

    def certificate(
        self, prompt: str, version: int, model: str, digest: str
    ) -> tuple[CertificateFile, CertificateRecord] | None:
        """The record with this digest, and its file as it was; one that was changed is none."""
        path = certificate_path(prompt, version, model)
        known = self._records.setdefault(path, {})
        unread = self._unread.setdefault(path, self._files(path))
        while digest not in known:
            file = next(unread, None)
            if file is None:
                return None
            for record in file.certificates:
                if file.digest_of(record) == record.digest:
                    known.setdefault(record.digest, (file, record))
        return known[digest]

    def _files(self, path: str) -> Iterator[CertificateFile]:
        for data in self._contents(path):
            try:
                yield parse_certificates(path, data)
            except CertificateFileError:
                continue

    def _contents(self, path: str) -> Iterator[bytes]:
        """What the file was, newest first."""
        for blob in self._blobs.get(path, ()):
            try:
                yield self._mirror.read(blob)
            except (BlobMissingError, BlobTooBigError):  # a folder, or nothing that Assay wrote
                continue

    @cached_property
    def _blobs(self) -> dict[str, tuple[str, ...]]:
        return self._mirror.history(self._commit).blobs((FOLDER.rstrip("/"), _MODELS))
