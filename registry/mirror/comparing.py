"""Two commits side by side: which paths differ, and single folders of either.

Screened as a whole commit is, so a part holds what the whole would hold there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache

from registry.mirror.listing import by_shape, plain, screen
from registry.mirror.objects import ObjectReader, lfs_pointers
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

    def __init__(self, objects: ObjectReader, limits: MirrorLimits, old: str, new: str) -> None:
        """Both commits must be in the store."""
        self._objects = objects
        self._limits = limits
        self._trees = Trees(objects)
        self._old, self._new = old, new
        self._plain_names = cache(self._count_names)

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
        at: Node | None = root
        for name in filter(None, folder.split("/")):
            if at is None:
                return False
            if self._plain_names(at)[plain(name)] > 1:
                return True
            at = self._trees.folder(at).get(name.encode())
        return False

    def _count_names(self, node: Node) -> Mapping[str, int]:
        names = self._trees.folder(node)
        return Counter(plain(name.decode("utf-8", "backslashreplace")) for name in names)

    def _entry(self, root: Node, path: str) -> Entry | None:
        """A file outside the folders that were asked for, if it can be read at all."""
        raw = path.encode()
        node = self._trees.at(root, raw)
        if node is None or node.is_folder:
            return None
        kept, _ = by_shape([self._trees.row(node, raw)], self._limits)
        return kept[0] if kept else None
