"""The values that pass between the mirror and its callers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from registry.mirror.errors import MirrorRefusedError

_OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_DATA_FOLDERS = ("datasets/", "calibration/")


@dataclass(frozen=True, slots=True)
class MirrorLimits:
    """What one prompt repository may cost.

    `seconds` bounds one download, `total_bytes` its packed size and, apart from that, the
    unpacked size of one commit. `memory_bytes` is address space per Git process.
    """

    seconds: float = 90
    files: int = 50_000
    blob_bytes: int = 1_048_576
    data_blob_bytes: int = 64 * 1_048_576
    total_bytes: int = 1_073_741_824
    path_chars: int = 512
    memory_bytes: int = 4 * 1_073_741_824

    def bytes_for(self, path: str) -> int:
        """The largest file accepted at `path`; data sets may be larger than prompts."""
        return self.data_blob_bytes if path.startswith(_DATA_FOLDERS) else self.blob_bytes


@dataclass(frozen=True, slots=True)
class MirrorAccess:
    """How to prove who we are to the remote. Everything is optional; nothing is ever prompted for.

    Without `ssh_key` and `known_hosts`, ssh uses those of the account Assay runs under.
    """

    ssh_key: Path | None = None
    known_hosts: Path | None = None
    ca_file: Path | None = None
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch found. `previous` is None on the first fetch.

    `rewritten` means history was replaced (force-push, or another repository): `previous` is no
    longer an ancestor of `commit`.
    """

    commit: str
    previous: str | None
    rewritten: bool


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """Who wrote a commit, and when it was committed (aware, UTC). Texts are printable.

    `body` are the lines of the message after its first, as they are.
    """

    id: str
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str
    body: str = ""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Author:
    """Whose name a commit of ours carries."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One regular file of a commit. `size` is in bytes."""

    path: str
    blob_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a commit holds: files of every kind, links included, and their bytes."""

    files: int
    bytes: int


def object_id(value: str) -> str:
    """`value` if it is a whole object id in hex; nothing else ever reaches Git as a revision."""
    if not _OBJECT_ID.fullmatch(value):
        raise MirrorRefusedError(
            f"{value[:80]!r} is not an object id", hint="use all 40 hex digits"
        )
    return value
