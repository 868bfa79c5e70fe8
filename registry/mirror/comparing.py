"""Two commits side by side: which paths differ, and single folders of either.

Screened as a whole commit is, so a part holds what the whole would hold there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from registry.mirror.listing import by_shape, plain, screen
from registry.mirror.objects import lfs_pointers
from registry.mirror.part import MirrorPart
from registry.mirror.trees import Node, Trees
from registry.mirror.values import Entry, MirrorLimits


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files right in `folders` ("" is the top one) and everything below the `deep` ones, less
    the `unlisted` paths.
    """

    folders: Collection[str]
    deep: Collection[str] = ()
    unlisted: Collection[str] = ()


class Comparison:
    """What changed between two commits of one store."""

    def __init__(self, trees: Trees, limits: MirrorLimits, old: str, new: str) -> None:
        """Both commits must be in the store that `trees` are of."""
        self._objects = trees.objects
        self._limits = limits
        self._trees = trees
        self._old, self._new = old, new

    def paths(self, at_most: int) -> frozenset[str] | None:
        """The paths of the files that differ; None when they are more, or a name is not UTF-8."""
        old, new = self._trees.root(self._old), self._trees.root(self._new)
        found = self._trees.differences(old, new, at_most)
        try:
            return None if found is None else frozenset(each.path.decode() for each in found)
        except UnicodeDecodeError:
            return None

    def before(self, chosen: Chosen) -> MirrorPart | None:
        """What was chosen of the older commit, as `after`."""
        return self._part(self._old, chosen)

    def after(self, chosen: Chosen) -> MirrorPart | None:
        """What was chosen of the newer commit.

        None when a folder's name differs from one beside it by case or Unicode form only: which of
        their files are read is told by the whole commit alone.
        """
        return self._part(self._new, chosen)

    def _part(self, commit: str, chosen: Chosen) -> MirrorPart | None:
        root = self._trees.root(commit)
        wanted = {**dict.fromkeys(chosen.folders, False), **dict.fromkeys(chosen.deep, True)}
        if any(self._is_ambiguous(root, folder) for folder in wanted):
            return None
        rows = [
            row
            for folder, is_deep in sorted(wanted.items())
            for row in self._trees.rows(root, folder.encode(), deep=is_deep)
        ]
        listing = screen(rows, self._limits, lambda small: lfs_pointers(self._objects, small))
        return MirrorPart(
            commit,
            replace(
                listing, entries=tuple(e for e in listing.entries if e.path not in chosen.unlisted)
            ),
            self._objects.many,
            lambda path: None if path.rpartition("/")[0] in wanted else self._entry(root, path),
        )

    def _is_ambiguous(self, root: Node, folder: str) -> bool:
        parts = folder.split("/") if folder else []
        return any(
            _twins(self._trees.names(root, "/".join(parts[:depth]).encode()), name) > 1
            for depth, name in enumerate(parts)
        )

    def _entry(self, root: Node, path: str) -> Entry | None:
        """A file outside the folders that were asked for, if it can be read at all."""
        raw = path.encode()
        node = self._trees.at(root, raw)
        if node is None or node.is_folder:
            return None
        kept, _ = by_shape([self._trees.row(node, raw)], self._limits)
        return kept[0] if kept else None


def _twins(names: bytes, name: str) -> int:
    """How many of these names (each between zero bytes) differ from `name` by case or Unicode form
    only, itself included.
    """
    if names.isascii():
        return names.lower().count(b"\0" + plain(name).encode() + b"\0")
    each = names.decode("utf-8", "backslashreplace").strip("\0").split("\0\0")
    return sum(plain(one) == plain(name) for one in each)
