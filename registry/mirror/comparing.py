"""Which paths differ between two commits, and single folders of one.

Screened as a whole commit is, so a part holds what the whole would hold there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
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


def changed_paths(trees: Trees, old: str, new: str, at_most: int) -> frozenset[str] | None:
    """The paths of the files that differ between two commits; None when they are more, or a name
    is not UTF-8.
    """
    found = trees.differences(trees.root(old), trees.root(new), at_most)
    try:
        return None if found is None else frozenset(each.path.decode() for each in found)
    except UnicodeDecodeError:
        return None


def part_of(
    trees: Trees,
    limits: MirrorLimits,
    commit: str,
    chosen: Chosen,
    search: Callable[[Iterable[str], str], Iterable[str]],
) -> MirrorPart | None:
    """What was chosen of a commit, all of which can be searched by `search`.

    None when a folder's name differs from one beside it by case or Unicode form only: which of
    their files are read is told by the whole commit alone.
    """
    root = trees.root(commit)
    wanted = {**dict.fromkeys(chosen.folders, False), **dict.fromkeys(chosen.deep, True)}
    if any(_is_ambiguous(trees, root, folder) for folder in wanted):
        return None
    rows = {  # a folder may lie below a deep one
        row.path: row
        for folder, is_deep in sorted(wanted.items())
        for row in trees.rows(root, folder.encode(), deep=is_deep)
    }
    listing = screen(rows.values(), limits, lambda small: lfs_pointers(trees.objects, small))
    entries = tuple(e for e in listing.entries if e.path not in chosen.unlisted)
    return MirrorPart(
        commit,
        replace(listing, entries=entries),
        trees.objects.many,
        lambda path: (
            None if path.rpartition("/")[0] in wanted else _entry(trees, limits, root, path)
        ),
        search,
    )


def _is_ambiguous(trees: Trees, root: Node, folder: str) -> bool:
    parts = folder.split("/") if folder else []
    return any(
        _twins(trees.names(root, "/".join(parts[:depth]).encode()), name) > 1
        for depth, name in enumerate(parts)
    )


def _entry(trees: Trees, limits: MirrorLimits, root: Node, path: str) -> Entry | None:
    """A file outside the folders that were asked for, if it can be read at all."""
    raw = path.encode()
    node = trees.at(root, raw)
    if node is None or node.is_folder:
        return None
    kept, _ = by_shape([trees.row(node, raw)], limits)
    return kept[0] if kept else None


def _twins(names: bytes, name: str) -> int:
    """How many of these names (each between zero bytes) differ from `name` by case or Unicode form
    only, itself included.
    """
    if names.isascii():
        return names.lower().count(b"\0" + plain(name).encode() + b"\0")
    each = names.decode("utf-8", "backslashreplace").strip("\0").split("\0\0")
    return sum(plain(one) == plain(name) for one in each)
