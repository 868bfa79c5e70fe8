"""The last good answers on disk, for a start while the registry is down.

One file a line, below a folder for the server and the token (named by a digest of both: the token
itself is written nowhere), for this user only. A file is replaced as a whole; one that cannot be
used is ignored with a warning. Processes share the folder, and the newer answer wins.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from assay.errors import AnswerNotUnderstoodError
from assay.prompts.lines import Held, Line, Record
from core.digest import digest

_log = logging.getLogger(__name__)

_FORMAT = 1
_LOCK = "lock"
#: A prompt is at most a megabyte, and a line holds two.
_LONGEST_BYTES = 16 * 1_048_576
_UNUSABLE = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError),
    AnswerNotUnderstoodError,
)
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Folder:
    """Lines of one server and token below `root`. Never raises for a disk in trouble."""

    def __init__(self, root: Path, url: str, token: str) -> None:
        """Nothing is made before something is kept."""
        name = hashlib.sha256(f"{url}\0{token}".encode()).hexdigest()[:32]
        self.path = root / name
        self._told: set[str] = set()

    def load(self, line: Line) -> Held | None:
        """What was kept last; None when there is nothing, or nothing that can be used."""
        path = self._file(line)
        try:
            if not path.exists() or not self._is_ours():
                return None
            with path.open("rb") as file:
                return _held(line, file.read(_LONGEST_BYTES))
        except _UNUSABLE as error:
            self._tell(f"{path} is ignored: {_reason(error)}")
            return None

    def keep(self, held: Held) -> None:
        """Keep it, unless what is there is newer."""
        path = self._file(held.line)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours():
                return
            with self._locked():
                there = self.load(held.line)
                if there is None or there.stand <= held.stand:
                    _replace(path, _document(held))
        except (OSError, ValueError) as error:
            self._tell(f"the last good answers cannot be kept in {self.path}: {_reason(error)}")

    def clear(self) -> None:
        """Remove every file of this server and token."""
        try:
            for path in self.path.glob("*.json"):
                path.unlink(missing_ok=True)
        except OSError as error:
            self._tell(f"{self.path} cannot be emptied: {_reason(error)}")

    def _file(self, line: Line) -> Path:
        return self.path / f"{digest([line.name, line.asked])[:40]}.json"

    def _is_ours(self) -> bool:
        """Whether nobody else can have put prompts there."""
        found = self.path.stat()
        if found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE:
            return True
        self._tell(f"{self.path} is ignored: others may write to it")
        return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Between reading what is there and replacing it nobody else may come."""
        descriptor = os.open(self.path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _tell(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            _log.warning("%s", sentence)


def _replace(path: Path, content: bytes) -> None:
    staged = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except BaseException:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
        raise


def _document(held: Held) -> bytes:
    said = {
        "format": _FORMAT,
        "name": held.line.name,
        "asked": held.line.asked,
        "incarnation": held.incarnation,
        "revision": held.revision,
        "at": held.at,
        "answers": [
            {"body": record.body, "etag": record.etag, "problem": record.problem}
            for record in held.records
        ],
    }
    return json.dumps({"digest": digest(said), **said}, ensure_ascii=False).encode()


def _held(line: Line, content: bytes) -> Held:
    """Raises ValueError and its like for what is no such document."""
    said: dict[str, Any] = json.loads(content)
    if said.pop("digest") != digest(said):
        raise ValueError("it was changed, or only half written")
    if (said["format"], said["name"], said["asked"]) != (_FORMAT, line.name, line.asked):
        raise ValueError("it is of something else, or of another release")
    records = tuple(Record(one["body"], one["etag"], one["problem"]) for one in said["answers"])
    if len(records) != len(line.questions):
        raise ValueError("it does not have as many answers as there are questions")
    # Earlier releases knew of none.
    held = Held(line, said["revision"], said["at"], records, said.get("incarnation", ""))
    for record in records:
        _ = record.served  # raises, for what this release does not understand
    return held


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:200]
