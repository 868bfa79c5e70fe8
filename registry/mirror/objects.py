"""Reads objects through one long-lived `git cat-file`: one process, not one for each file."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.mirror.command import GitCommand, kill_group
from registry.mirror.errors import BlobMissingError, BlobTooBigError, MirrorDamagedError
from registry.mirror.listing import is_lfs_pointer
from registry.mirror.values import Entry, object_id

if TYPE_CHECKING:
    from git import Git  # noqa: TID251 (a type only)

# 128 requests of 74 bytes fit the smallest pipe (16 KiB on macOS): writing them cannot block.
_REQUESTS_IN_FLIGHT = 128
_BYTES_IN_FLIGHT = 8 * 1_048_576
_ANSWER_SECONDS = 30
_CHUNK = 262_144


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object's kind (`blob`, `tree`, `commit`, `tag`) and unpacked size in bytes."""

    kind: str
    size: int


class ObjectReader:
    """One conversation with Git about one store. Threads take turns; a fork starts its own."""

    def __init__(self, git: GitCommand, store: str) -> None:
        """`store` is the folder, below the command's, that holds the object database."""
        self._git = git
        self._store = store
        self._turn = threading.Lock()
        self._process: Git.AutoInterrupt | None = None
        self._owner = 0
        self._pending = bytearray()

    def head(self, id_: str) -> ObjectHead | None:
        """Kind and size of an object, or None when the store has no such object."""
        with self._turn, self._mended():
            self._ask([f"info {object_id(id_)}\n"])
            return self._head()

    def contents(self, id_: str, *, kind: str, limit: int) -> bytes:
        """The bytes of an object of that kind (`blob`, `commit`) and of at most `limit` bytes.

        Raises BlobMissingError, BlobTooBigError (nothing was read), MirrorDamagedError.
        """
        head = self.head(id_)
        if head is None or head.kind != kind:
            raise BlobMissingError(f"the mirror has no {kind} {id_}")
        if head.size > limit:
            raise BlobTooBigError(
                f"{kind} {id_} has {head.size:,} bytes, more than {limit:,}", size=head.size
            )
        return self._batch([id_])[0]

    def many(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        """The bytes of many files, in order. Their sizes are known, so they are not asked again.

        Requests go out together, so thousands of files take a fraction of a second.
        """
        for batch in batches(entries):
            yield from self._batch([entry.blob_id for entry in batch])

    def _batch(self, ids: Sequence[str]) -> list[bytes]:
        with self._turn, self._mended():
            self._ask([f"contents {object_id(id_)}\n" for id_ in ids])
            return [self._body(id_) for id_ in ids]

    def close(self) -> None:
        """End the Git process; the next question starts another."""
        with self._turn:
            self._drop()

    def _mended(self) -> _Mended:
        return _Mended(self)

    def _drop(self) -> None:
        if self._process is not None and self._owner == os.getpid():
            kill_group(self._process)
        self._process = None
        self._pending.clear()

    def _ask(self, lines: Sequence[str]) -> None:
        if self._process is None or self._owner != os.getpid():
            self._pending.clear()
            self._process = self._git.converse(
                [f"--git-dir={self._store}", "cat-file", "--batch-command"]
            )
            self._owner = os.getpid()
        inner = self._process.proc
        assert inner is not None
        assert inner.stdin is not None
        inner.stdin.write("".join(lines).encode("ascii"))
        inner.stdin.flush()

    def _head(self) -> ObjectHead | None:
        _, _, answer = self._line().partition(b" ")
        if answer in (b"missing", b"ambiguous"):
            return None
        kind, _, size = answer.partition(b" ")
        return ObjectHead(kind.decode("ascii"), int(size))

    def _body(self, id_: str) -> bytes:
        head = self._head()
        if head is None:
            raise MirrorDamagedError(f"the mirror has lost object {id_}")
        while len(self._pending) <= head.size:
            self._receive()
        body = bytes(memoryview(self._pending)[: head.size])
        del self._pending[: head.size + 1]
        return body

    def _line(self) -> bytes:
        while (end := self._pending.find(b"\n")) < 0:
            self._receive()
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line

    def _receive(self) -> None:
        assert self._process is not None
        inner = self._process.proc
        assert inner is not None
        assert inner.stdout is not None
        descriptor = inner.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN | select.POLLHUP)
        if not poll.poll(_ANSWER_SECONDS * 1000):
            raise MirrorDamagedError("Git does not answer about the local mirror")
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            raise MirrorDamagedError("Git gave up on an object of the local mirror")
        self._pending += chunk


def lfs_pointers(objects: ObjectReader, entries: Collection[Entry]) -> set[str]:
    """The blob ids of those small files that are Git LFS pointers."""
    distinct = list({entry.blob_id: entry for entry in entries}.values())
    bodies = objects.many(distinct)
    return {e.blob_id for e, body in zip(distinct, bodies, strict=True) if is_lfs_pointer(body)}


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Split files into runs small enough to be asked for, and held in memory, at once."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == _REQUESTS_IN_FLIGHT or size + entry.size > _BYTES_IN_FLIGHT):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


class _Mended:
    """After any failure the conversation is out of step: end it, so that the next one is clean."""

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            return
        self._reader._drop()  # noqa: SLF001 (one class in two parts)
        if issubclass(kind, OSError):
            raise MirrorDamagedError("Git ended while the local mirror was being read") from None
