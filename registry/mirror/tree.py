"""The files of one commit, as the parser of the prompt repository wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from registry.mirror.errors import FileMissingError
from registry.mirror.objects import batches
from registry.mirror.values import Entry

#: Whoever leaves out so few files still reads in order: every `prompt.yaml`, without its versions.
_SKIPPED_AT_MOST = 16


class MirrorTree:
    """Implements `Files`: paths, contents and content addresses of one commit."""

    def __init__(
        self,
        commit: str,
        entries: tuple[Entry, ...],
        read_all: Callable[[Iterable[Entry]], Iterator[bytes]],
    ) -> None:
        """`entries` are those of `commit`, sorted; `read_all` gives their contents in order."""
        self.commit = commit
        self._entries = {entry.path: entry for entry in entries}
        self._order = entries
        self._position = {entry.path: i for i, entry in enumerate(entries)}
        self._read_all = read_all
        self._ahead: dict[str, bytes] = {}
        self._last = -1

    def paths(self) -> tuple[str, ...]:
        """Every readable path, sorted."""
        return tuple(self._entries)

    def read(self, path: str) -> bytes:
        """The content of `path`. Raises FileMissingError (a KeyError), MirrorDamagedError.

        Reading in the order of `paths()`, more or less, is fastest: the next files are read along.
        """
        entry = self.entry(path)
        position = self._position[path]
        if path not in self._ahead:
            in_order = self._last < position <= self._last + _SKIPPED_AT_MOST
            wanted = self._next_files(position) if in_order else [entry]
            names = [e.path for e in wanted]
            self._ahead = dict(zip(names, self._read_all(wanted), strict=True))
        self._last = position
        return self._ahead[path]

    def blob_id(self, path: str) -> str:
        """The content address of the file at `path`: equal ids are equal bytes.

        Raises FileMissingError (a KeyError).
        """
        return self.entry(path).blob_id

    def entry(self, path: str) -> Entry:
        """Path, content address and size. Raises FileMissingError."""
        try:
            return self._entries[path]
        except KeyError:
            raise FileMissingError(f"commit {self.commit} has no file {path!r}") from None

    def _next_files(self, position: int) -> list[Entry]:
        return next(batches(islice(self._order, position, None)))
