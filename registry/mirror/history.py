"""What a commit's history holds: the states that its branch was in, and what files were before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.mirror.command import GitCommand
from registry.mirror.errors import MirrorDamagedError
from registry.mirror.fetching import is_ancestor, list_tree, said_by
from registry.mirror.listing import parse_rows
from registry.mirror.values import object_id

_SECONDS = 60
_WALK_SECONDS = 180
_LISTING_BYTES = 64 * 1_048_576


@dataclass(frozen=True, slots=True)
class Step:
    """A commit, and the files it changed: path -> address, None for what is gone.

    Equal addresses are files of one kind with equal bytes.
    """

    commit: str
    changed: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class History:
    """Of one commit, which the store has."""

    git: GitCommand
    store: str
    commit: str

    def blobs(self, paths: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The blobs that files at or below `paths` ever were, newest first, by path; each once,
        under the path it was found at first. Raises MirrorDamagedError, MirrorRefusedError (too
        many), MirrorTimeoutError.
        """
        listed = self._listed(
            ["rev-list", "--objects", "--full-history", "--end-of-options", self.commit, "--"],
            paths,
            _SECONDS,
        )
        found: dict[str, list[str]] = {}
        for line in listed.decode("utf-8", "replace").strip().split("\n"):
            # A commit has no path; a tree has one too, which no file can have at the same time.
            id_, _, path = line.partition(" ")
            if path:
                found.setdefault(path, []).append(object_id(id_))
        return {path: tuple(ids) for path, ids in found.items()}

    def steps(self, since: str, paths: Sequence[str]) -> Iterator[Step]:
        """The states of the branch that differ at or below `paths`, oldest first: of a merge only
        what it changed of its first parent. One command, however long the history is.

        The first step is `since` with all it holds there, if that is in the history; otherwise the
        branch begins with its first commit. Names that are not UTF-8 are left out: nobody reads
        such files. Raises as `blobs`.
        """
        span = self.commit
        if since and is_ancestor(self.git, self.store, since, self.commit):
            span = f"{object_id(since)}..{self.commit}"
            yield Step(since, self._held(since, paths))
        listed = self._listed(
            [
                *("log", "--first-parent", "--diff-merges=first-parent", "--root", "--reverse"),
                *("--raw", "--no-abbrev", "--no-renames", "-z", "--format=%H"),
                *("--end-of-options", span, "--"),
            ],
            paths,
            _WALK_SECONDS,
        )
        yield from _steps(listed)

    def _held(self, commit: str, paths: Sequence[str]) -> dict[str, str | None]:
        rows = parse_rows(list_tree(self.git, self.store, commit), self.git.limits)
        below = tuple(f"{path}/" for path in paths)
        found = {_text(row.path): f"{row.mode} {row.blob_id}" for row in rows}
        return {
            path: address
            for path, address in found.items()
            if path is not None and (path in paths or path.startswith(below))
        }

    def _listed(self, args: Sequence[str], paths: Sequence[str], seconds: float) -> bytes:
        listed = self.git.run(
            ["--git-dir=" + self.store, *args, *paths],
            seconds=seconds,
            stdout_bytes=_LISTING_BYTES,
        )
        if listed.status != 0:
            why = said_by(listed)
            raise MirrorDamagedError(f"the history of {self.commit} cannot be read: {why}")
        return listed.stdout


def _steps(listed: bytes) -> Iterator[Step]:
    """`git log --raw -z`: a commit's id, then for each file `:<modes> <ids> <letter>` and a path,
    all ended by zero bytes, the first file's after a line end.
    """
    commit, changed = "", dict[str, str | None]()
    tokens = iter(listed.split(b"\0"))
    for token in tokens:
        if token.lstrip(b"\n").startswith(b":"):
            _, mode, _, blob, letter = token.decode("ascii").split()
            path = _text(next(tokens))
            if path is not None:
                changed[path] = None if letter == "D" else f"{mode} {blob}"
        elif token:
            if commit:
                yield Step(commit, changed)
            commit, changed = object_id(token.decode("ascii")), {}
    if commit:
        yield Step(commit, changed)


def _text(path: bytes) -> str | None:
    try:
        return path.decode()
    except UnicodeDecodeError:
        return None
