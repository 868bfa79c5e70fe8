"""Reads commit objects."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from registry.mirror.errors import MirrorRefusedError
from registry.mirror.values import CommitInfo

_AUTHOR = re.compile(r"^author (?P<name>.*?) ?<(?P<email>[^<>]*)> ", re.MULTILINE)
_PARENT = re.compile(r"^parent ([0-9a-f]{40}(?:[0-9a-f]{24})?)$", re.MULTILINE)
_COMMITTER = re.compile(r"^committer .*> (?P<seconds>-?\d+) [+-]\d+$", re.MULTILINE)
# Old tools wrote these; everything else is read as UTF-8.
_LATIN = re.compile(rb"(?mi)^encoding (?:latin-?1|iso-?8859-1|cp1252|windows-1252)$")


def parse_commit(id_: str, raw: bytes) -> CommitInfo:
    """Read a commit object (gitformat-commit): headers, an empty line, the message."""
    latin = _LATIN.search(raw.partition(b"\n\n")[0])
    text = raw.decode("cp1252" if latin else "utf-8", "replace")
    head, _, message = text.partition("\n\n")
    author, committer = _AUTHOR.search(head), _COMMITTER.search(head)
    if author is None or committer is None:
        raise MirrorRefusedError(f"commit {id_} is malformed")
    try:
        at = datetime.fromtimestamp(int(committer["seconds"]), tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise MirrorRefusedError(f"commit {id_} has an impossible date") from None
    subject, _, body = message.lstrip("\n").partition("\n")
    return CommitInfo(
        id=id_,
        author_name=_one_line(author["name"], 200),
        author_email=_one_line(author["email"], 320),
        committed_at=at,
        subject=_one_line(subject, 500),
        body=body,
        parents=tuple(_PARENT.findall(head)),
    )


def _one_line(text: str, limit: int) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:limit]
