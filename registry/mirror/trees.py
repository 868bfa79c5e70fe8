"""Two commits compared, and single folders listed, from their tree objects: what did not change is
never looked at, and no process is started for it.
"""

from __future__ import annotations

import itertools
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
    """The trees of a store; each is read once."""

    def __init__(self, objects: ObjectReader) -> None:
        self._objects = objects
        self._known: dict[str, Mapping[bytes, Node]] = {}

    def root(self, commit: str) -> Node:
        """The top folder of a commit."""
        raw = self._contents(commit, "commit", _COMMIT_BYTES)
        word, _, id_ = raw.partition(b"\n")[0].partition(b" ")
        if word != b"tree":
            raise MirrorDamagedError(f"commit {commit} names no tree")
        return Node(_TREE, id_.decode("ascii"))

    def folder(self, node: Node | None) -> Mapping[bytes, Node]:
        """Name -> entry of a folder; nothing for what is none."""
        if node is None or not node.is_folder:
            return {}
        if node.id not in self._known:
            raw = self._contents(node.id, "tree", _TREE_BYTES)
            self._known[node.id] = dict(_entries(raw, len(node.id) // 2))
        return self._known[node.id]

    def at(self, root: Node, path: bytes) -> Node | None:
        """What is at a path, `b""` being the root itself."""
        found: Node | None = root
        for name in filter(None, path.split(b"/")):
            found = self.folder(found).get(name)
        return found

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
        for name in sorted(before.keys() | after.keys()):
            one, other = before.get(name), after.get(name)
            if one == other:
                continue
            path = under + name
            if (one and one.is_folder) or (other and other.is_folder):
                yield from self._walk(one, other, path + b"/", walked)
            files = [None if node and node.is_folder else node for node in (one, other)]
            if any(files):
                yield Difference(path, *files)

    def rows(self, root: Node, folder: bytes, *, deep: bool) -> Iterator[Row]:
        """What `ls-tree -l` lists of a folder of `root`; with `deep`, of those below it too."""
        prefix = folder + b"/" if folder else b""
        for name, node in self.folder(self.at(root, folder)).items():
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
        head = self._objects.head(node.id)
        if head is None:
            raise MirrorDamagedError(f"the mirror has lost object {node.id}")
        return head.size

    def _contents(self, id_: str, kind: str, limit: int) -> bytes:
        try:
            return self._objects.contents(id_, kind=kind, limit=limit)
        except (BlobMissingError, BlobTooBigError) as error:
            raise MirrorDamagedError(f"{kind} {id_} cannot be read") from error


def _entries(raw: bytes, id_bytes: int) -> Iterator[tuple[bytes, Node]]:
    """A tree object (gitformat-pack): `<mode> <name>`, a zero byte and the binary object id, over
    and over.
    """
    at = 0
    while at < len(raw):
        end = raw.index(b"\0", at)
        mode, _, name = raw[at:end].partition(b" ")
        at = end + 1 + id_bytes
        yield name, Node(mode.decode("ascii").lstrip("0"), raw[end + 1 : at].hex())
