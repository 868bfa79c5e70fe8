"""Two commits compared, and single folders listed, from their tree objects: what did not change is
never looked at, and no process is started for it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.mirror.errors import BlobMissingError, BlobTooBigError, MirrorDamagedError
from registry.mirror.listing import Row
from registry.mirror.objects import ObjectReader

_TREE = "40000"
_SUBMODULE = "160000"
_COMMIT_BYTES = 1_048_576
_TREE_BYTES = 64 * 1_048_576
_FOLDERS_WALKED = 10_000


class _TooManyFoldersError(Exception):
    """Rather look at the whole."""


#: Mode in octal, without leading zeros, and binary object id.
_Entry = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Node:
    """An entry of a tree object: its mode in octal, without leading zeros, and its object."""

    mode: str
    id: str

    @property
    def is_folder(self) -> bool:
        """Whether its object is a tree."""
        return self.mode == _TREE


@dataclass(frozen=True, slots=True)
class Difference:
    """What is no folder, and differs between two commits. None: it was, or is, not there."""

    path: bytes
    old: Node | None
    new: Node | None


class Trees:
    """The trees of a store; each is read once, unless they are very many."""

    def __init__(self, objects: ObjectReader) -> None:
        self.objects = objects
        self._known: dict[str, Mapping[bytes, _Entry]] = {}

    def root(self, commit: str) -> Node:
        """The top folder of a commit."""
        raw = self._contents(commit, "commit", _COMMIT_BYTES)
        word, _, id_ = raw.partition(b"\n")[0].partition(b" ")
        if word != b"tree":
            raise MirrorDamagedError(f"commit {commit} names no tree")
        return Node(_TREE, id_.decode("ascii"))

    def parents(self, commit: str) -> tuple[str, ...]:
        """The commits that a commit was made on."""
        head, _, _ = self._contents(commit, "commit", _COMMIT_BYTES).partition(b"\n\n")
        lines = [line.partition(b" ") for line in head.split(b"\n")]
        return tuple(value.decode("ascii") for word, _, value in lines if word == b"parent")

    def folder(self, node: Node | None) -> Mapping[bytes, _Entry]:
        """Name -> entry of a folder; nothing for what is none."""
        if node is None or not node.is_folder:
            return {}
        if node.id not in self._known:
            if len(self._known) >= _FOLDERS_WALKED:
                self._known.clear()
            raw = self._contents(node.id, "tree", _TREE_BYTES)
            self._known[node.id] = _entries(raw, len(node.id) // 2)
        return self._known[node.id]

    def at(self, root: Node, path: bytes) -> Node | None:
        """What is at a path, `b""` being the root itself."""
        found: Node | None = root
        for name in filter(None, path.split(b"/")):
            found = _node(self.folder(found).get(name))
        return found

    def names(self, root: Node, folder: bytes) -> bytes:
        """The names in a folder of `root`, each between two zero bytes."""
        names = self.folder(self.at(root, folder))
        return b"\0%s\0" % b"\0\0".join(names) if names else b""

    def differences(self, old: Node, new: Node, at_most: int) -> tuple[Difference, ...] | None:
        """Every file that differs, where two folders differ; None when they are more, or lie in
        more folders than so many files need.
        """
        walk = self._walk(old, new, b"", itertools.count())
        try:
            found = tuple(itertools.islice(walk, at_most + 1))
        except _TooManyFoldersError:
            return None
        return found if len(found) <= at_most else None

    def _walk(
        self, old: Node | None, new: Node | None, under: bytes, walked: Iterator[int]
    ) -> Iterator[Difference]:
        # Folders of folders without a file can be more than anybody has time for.
        if next(walked) > _FOLDERS_WALKED:
            raise _TooManyFoldersError
        before, after = self.folder(old), self.folder(new)
        # Nearly all are the same, and there can be ten thousands.
        for name in sorted({name for name, _ in before.items() ^ after.items()}):
            one, other = _node(before.get(name)), _node(after.get(name))
            path = under + name
            if (one and one.is_folder) or (other and other.is_folder):
                yield from self._walk(one, other, path + b"/", walked)
            files = [None if node and node.is_folder else node for node in (one, other)]
            if any(files):
                yield Difference(path, *files)

    def rows(self, root: Node, folder: bytes, *, deep: bool) -> Iterator[Row]:
        """What `ls-tree -l` lists of a folder of `root`; with `deep`, of those below it too."""
        prefix = folder + b"/" if folder else b""
        for name, entry in self.folder(self.at(root, folder)).items():
            node = _node(entry)
            assert node is not None
            if not node.is_folder:
                yield self.row(node, prefix + name)
            elif deep:
                yield from self.rows(root, prefix + name, deep=True)

    def row(self, node: Node, path: bytes) -> Row:
        """What `ls-tree -l` says of a file."""
        return Row(node.mode.zfill(6), node.id, self.size(node), path)

    def size(self, node: Node) -> int:
        """Bytes of a file; -1 for a submodule."""
        if node.mode == _SUBMODULE:
            return -1
        head = self.objects.head(node.id)
        if head is None:
            raise MirrorDamagedError(f"the mirror has lost object {node.id}")
        return head.size

    def _contents(self, id_: str, kind: str, limit: int) -> bytes:
        try:
            return self.objects.contents(id_, kind=kind, limit=limit)
        except (BlobMissingError, BlobTooBigError) as error:
            raise MirrorDamagedError(f"{kind} {id_} cannot be read") from error


def _entries(raw: bytes, id_bytes: int) -> dict[bytes, _Entry]:
    """A tree object (gitformat-pack): `<mode> <name>`, a zero byte and the binary object id, over
    and over.
    """
    found = re.findall(rb"0*([0-7]+) ([^\0]+)\0(.{%d})" % id_bytes, raw, re.DOTALL)
    return {name: (mode, id_) for mode, name, id_ in found}


def _node(entry: _Entry | None) -> Node | None:
    return None if entry is None else Node(entry[0].decode("ascii"), entry[1].hex())
