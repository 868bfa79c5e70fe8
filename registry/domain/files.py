"""Where a prompt repository's files come from: a commit, a folder, or memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.digest import digest

#: Git looks for one after the other: so many take it seconds where there are thousands of files.
_WORDS_AT_ONCE = 200


class Files(Protocol):
    """The files of one commit. Paths are relative, with `/`, and never leave the repository."""

    def paths(self) -> Iterable[str]:
        """Every file's path."""

    def read(self, path: str) -> bytes:
        """The file's bytes; KeyError when there is no such file."""


@runtime_checkable
class AddressedFiles(Protocol):
    """Files that know a content address without being read, as Git does."""

    def blob_id(self, path: str) -> str:
        """Equal ids mean equal bytes."""


@runtime_checkable
class SearchableFiles(Protocol):
    """Files that can be searched faster than by reading each."""

    def containing(self, words: Iterable[str], under: str) -> Iterable[str]:
        """The paths below the folder `under` whose contents hold one of `words`: some hundreds,
        never none, each of them one line.
        """


def containing(files: Files, words: Collection[str], under: str) -> list[str]:
    """The paths that start with `under` and whose contents hold one of `words`; sorted."""
    if isinstance(files, SearchableFiles):
        every = sorted(words)
        parts = (every[at : at + _WORDS_AT_ONCE] for at in range(0, len(every), _WORDS_AT_ONCE))
        return sorted({path for part in parts for path in files.containing(part, under)})
    wanted = [word.encode() for word in words]
    paths = (path for path in files.paths() if wanted and path.startswith(under))
    return sorted(path for path in paths if _holds(files.read(path), wanted))


def _holds(content: bytes, wanted: Iterable[bytes]) -> bool:
    return any(word in content for word in wanted)


@dataclass(frozen=True)
class MemoryFiles:
    """Files held in memory: path -> bytes."""

    contents: Mapping[str, bytes]

    def paths(self) -> Iterable[str]:
        """Every file's path."""
        return self.contents.keys()

    def read(self, path: str) -> bytes:
        """The file's bytes; KeyError when there is no such file."""
        return self.contents[path]

    def blob_id(self, path: str) -> str:
        """A SHA-256 of the file's bytes."""
        return digest(self.contents[path].hex())
