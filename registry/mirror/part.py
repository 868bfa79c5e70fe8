"""Some folders of a commit, as the parser of the prompt repository wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from registry.mirror.errors import FileMissingError
from registry.mirror.listing import Listing
from registry.mirror.tree import MirrorTree
from registry.mirror.values import Entry


class MirrorPart(MirrorTree):
    """Lists the files of these folders alone. Others can be read by whoever knows their paths."""

    def __init__(
        self,
        commit: str,
        listing: Listing,
        read_all: Callable[[Iterable[Entry]], Iterator[bytes]],
        elsewhere: Callable[[str], Entry | None],
        search: Callable[[Iterable[str], str], Iterable[str]],
    ) -> None:
        """`elsewhere` finds a file of another folder; None: there is none. `search` finds the paths
        of all files below a folder that hold one of some words.
        """
        super().__init__(commit, listing.entries, read_all)
        self.skipped = listing.skipped
        self._elsewhere = elsewhere
        self._search = search

    def read(self, path: str) -> bytes:
        """The content of `path`, wherever it lies. Raises as `MirrorTree.read`."""
        if path in self._entries:
            return super().read(path)
        (content,) = self._read_all([self.entry(path)])
        return content

    def entry(self, path: str) -> Entry:
        """Path, content address and size, wherever it lies. Raises FileMissingError."""
        found = self._entries.get(path) or self._elsewhere(path)
        if found is None:
            raise FileMissingError(f"commit {self.commit} has no file {path!r}")
        return found

    def containing(self, words: Iterable[str], under: str) -> Iterator[str]:
        """The paths below the folder `under` whose contents hold one of `words`."""
        for path in self._search(words, under):
            if path in self._entries or self._elsewhere(path) is not None:
                yield path
