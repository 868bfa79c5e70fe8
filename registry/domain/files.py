"""Where a prompt repository's files come from: a commit, a folder, or memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.digest import digest


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

    def containing(self, word: str, under: str) -> Iterable[str]:
        """The paths below the folder `under` whose contents hold `word`."""


def containing(files: Files, word: str, under: str) -> list[str]:
    """The paths that start with `under` and whose contents hold `word`; sorted."""
    if isinstance(files, SearchableFiles):
        return sorted(files.containing(word, under))
    wanted = word.encode()
    return sorted(p for p in files.paths() if p.startswith(under) and wanted in files.read(p))


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
