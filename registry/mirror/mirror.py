"""The public face: fetch one branch, then read commits and files by their ids."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

from core.findings import Finding
from registry.mirror.address import check_branch, parse_address
from registry.mirror.command import GitCommand
from registry.mirror.commits import parse_commit
from registry.mirror.comparing import Chosen, changed_paths, part_of
from registry.mirror.errors import CommitMissingError, MirrorDamagedError, NotMirroredError
from registry.mirror.fetching import Fetching, commits_touching, is_ancestor, list_folder, list_tree
from registry.mirror.history import History
from registry.mirror.listing import Listing, by_shape, parse_rows, screen
from registry.mirror.objects import ObjectReader, lfs_pointers
from registry.mirror.part import MirrorPart
from registry.mirror.proposing import Proposing
from registry.mirror.pushing import Pushing
from registry.mirror.resolving import check_digits, commit_beginning
from registry.mirror.searching import paths_containing
from registry.mirror.settings import prepare_folder
from registry.mirror.store import StoreFolder
from registry.mirror.tree import MirrorTree
from registry.mirror.trees import Trees
from registry.mirror.values import (
    Author,
    CommitInfo,
    Entry,
    Fetched,
    MirrorAccess,
    MirrorLimits,
    object_id,
)

_COMMIT_BYTES = 1_048_576
_LISTINGS_KEPT = 4


class Mirror:
    """A local copy of one branch of the prompt repository at `url`, below `folder`.

    Reading needs no network and survives a remote that is gone. Close it, or use `with`.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        ref: str = "main",
        *,
        limits: MirrorLimits | None = None,
        access: MirrorAccess | None = None,
        allowed_protocols: tuple[str, ...] = ("https", "ssh"),
    ) -> None:
        """Judges `url` and `ref` and starts nothing. Raises MirrorRefusedError.

        Credentials inside an https URL are sent to its host only and shown nowhere. A local
        repository (`/path`, `file://`) needs `"file"` among `allowed_protocols`.
        """
        self._address = parse_address(url, allowed_protocols)
        self._branch = check_branch(ref)
        self._access = access or MirrorAccess()
        self.limits = limits or MirrorLimits()
        self._folder = Path(folder).absolute()
        self._stores = StoreFolder(self._folder)
        self._git = GitCommand(self._folder, self._address.protocol, self.limits, self._access)
        self._reader: tuple[str, Trees] | None = None
        self._listings: dict[str, Listing] = {}

    @property
    def url(self) -> str:
        """The remote as it may be shown: without credentials."""
        return self._address.url

    def fetch(self) -> Fetched:
        """Bring the branch up to date; rebuild the local copy if it is damaged.

        Raises MirrorUnavailableError (gone, not let in, too slow), MirrorRefusedError (too large,
        malformed), BranchMissingError, EmptyRepositoryError. What was mirrored stays readable.
        """
        with self._writing() as fetching:
            self._stores.sweep()
            return fetching.fetch()

    def fetch_proposed(self, commit: str) -> None:
        """Bring a commit that the branch, which was fetched, need not have, with its history.

        Raises CommitMissingError when the remote does not have it, and as `fetch`.
        """
        with self._writing() as fetching:
            Proposing(fetching, self._store()).fetch(object_id(commit))

    def fork(self, base: str, head: str) -> str:
        """The newest commit that both have in their history; `base` itself when there is none."""
        return Proposing(self._fetching(), self._store()).fork(base, head)

    def mirrored(self) -> str | None:
        """The commit of the last good fetch, or None before it."""
        store = self._stores.current()
        return None if store is None else self._fetching().mirrored(store)

    def verify(self) -> bool:
        """Read every stored object against its hash. False: damaged; the next fetch rebuilds."""
        store = self._store()
        sound = self._fetching().is_sound(store, contents=True)
        if not sound:
            self._stores.suspect(store)
        return sound

    def commit_info(self, commit: str) -> CommitInfo:
        """Author, time and subject of a commit. Raises CommitMissingError."""
        self._require_commit(commit)
        with self._doubting():
            raw = self._objects().contents(commit, kind="commit", limit=_COMMIT_BYTES)
        return parse_commit(commit, raw)

    def entries(self, commit: str) -> tuple[Entry, ...]:
        """The regular files of a commit that Assay reads, by path. Raises CommitMissingError."""
        return self._listing(commit).entries

    def skipped(self, commit: str) -> tuple[Finding, ...]:
        """What `entries` leaves out and why: links, submodules, LFS, size, unusable names."""
        return self._listing(commit).skipped

    def resolve(self, digits: str) -> str:
        """The commit whose id is or begins with `digits`: 4 to 64 hex digits, of either case.

        Raises CommitMissingError, CommitAmbiguousError, and InvalidError for anything else.
        """
        check_digits(digits)
        store = self._store()
        with self._doubting():
            return commit_beginning(self._git, store, self._objects(), digits)

    def blobs_in(self, commit: str, folder: str) -> dict[str, str]:
        """The blob ids of the files right in `folder` of a commit, by file name.

        What is no regular file, or larger than Assay reads, is left out. Raises CommitMissingError.
        """
        self._require_commit(commit)
        with self._doubting():
            rows = parse_rows(list_folder(self._git, self._store(), commit, folder), self.limits)
        kept, _ = by_shape(rows, self.limits)
        return {entry.path.rpartition("/")[2]: entry.blob_id for entry in kept}

    def read(self, blob_id: str) -> bytes:
        """The content of a blob. Raises BlobMissingError, BlobTooBigError, MirrorDamagedError."""
        with self._doubting():
            return self._objects().contents(blob_id, kind="blob", limit=self.limits.data_blob_bytes)

    def read_all(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        """The contents of some of a commit's `entries`, in order, much faster than one by one."""
        with self._doubting():
            yield from self._objects().many(entries)

    def tree(self, commit: str) -> MirrorTree:
        """The files of a commit, to be parsed. Raises CommitMissingError."""
        return MirrorTree(commit, self.entries(commit), self.read_all)

    def part(self, commit: str, chosen: Chosen) -> MirrorPart | None:
        """Some folders of a commit, as `tree` would have them, without looking at the others.

        None when only the whole tells what is read there. Raises CommitMissingError.
        """
        self._require_commit(commit)
        with self._doubting():
            search = partial(paths_containing, self._git, self._store(), commit)
            return part_of(self._trees(), self.limits, commit, chosen, search)

    def changed(self, old: str, new: str, at_most: int) -> frozenset[str] | None:
        """The paths that differ between two commits, without looking at all of either.

        None when they are more, or only the whole of `new` tells whether it is within the limits.
        Raises CommitMissingError (`old`).
        """
        self._require_commit(old)
        extent = self._fetching().extent(self._store(), new)
        if extent is None or extent.bytes > self.limits.total_bytes:
            return None
        with self._doubting():
            return changed_paths(self._trees(), old, new, at_most)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `old` is in the history of `new` or itself. Raises CommitMissingError (`new`)."""
        self._require_commit(new)
        return is_ancestor(self._git, self._store(), old, new)

    def touching(self, path: str, old: str, new: str, limit: int) -> tuple[str, ...]:
        """The newest commits of `new` that are not in `old` and changed `path`, newest first.

        Raises CommitMissingError when `new` is unknown; none are found when `old` is.
        """
        self._require_commit(new)
        return commits_touching(self._git, self._store(), path, old, new, limit)

    def history(self, commit: str) -> History:
        """How the branch came to `commit`. Raises CommitMissingError."""
        self._require_commit(commit)
        return History(self._git, self._store(), commit)

    def push(
        self,
        base: str,
        files: Mapping[str, bytes],
        message: str,
        author: Author,
        now: datetime,
        *,
        made: Callable[[str], object],
    ) -> str:
        """Add one commit to the branch of the remote, whose tip must still be `base`.

        `files` are written over those of `base`; all others stay. `made` is told the commit's id
        before anybody else can see it. Returns the id. Raises BranchMovedError when the tip is
        another one, PushRefusedError when the remote does not take it, MirrorUnavailableError: it
        may have arrived even so, and the next fetch tells.
        """
        with self._writing() as fetching:
            pushing = Pushing(fetching.git, self._store(), self._address, self._branch)
            commit = pushing.commit(base, files, message, author, now)
            made(commit)
            pushing.send(base, commit)
        return commit

    def close(self) -> None:
        """End the reading process, if there is one."""
        if self._reader is not None:
            self._reader[1].objects.close()
        self._reader = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Fetching]:
        """The steps of a fetch, for the only one who writes here now."""
        prepare_folder(self._folder, self._address, self._access)
        with self._stores.locked(self.limits.seconds) as lock:
            yield self._fetching(lock)

    def _fetching(self, *held: int) -> Fetching:
        git = replace(self._git, held=held)
        return Fetching(git, self._stores, self._address, self._branch, self._trees)

    def _store(self) -> str:
        store = self._stores.current()
        if store is None:
            raise NotMirroredError(hint="sync first")
        return store

    def _trees(self) -> Trees:
        """The conversation with the current store; a rebuilt store gets a new one."""
        store = self._store()
        if self._reader is None or self._reader[0] != store:
            self.close()
            self._reader = (store, Trees(ObjectReader(self._git, store)))
        return self._reader[1]

    def _objects(self) -> ObjectReader:
        return self._trees().objects

    def _require_commit(self, commit: str) -> None:
        with self._doubting():
            head = self._objects().head(commit)
        if head is None or head.kind != "commit":
            raise CommitMissingError(f"the mirror has no commit {object_id(commit)}")

    def _listing(self, commit: str) -> Listing:
        """Judged once: a commit never changes. Only the newest few are kept in memory."""
        if commit not in self._listings:
            self._require_commit(commit)
            with self._doubting():
                rows = parse_rows(list_tree(self._git, self._store(), commit), self.limits)
                listing = screen(rows, self.limits, partial(lfs_pointers, self._objects()))
            if len(self._listings) >= _LISTINGS_KEPT:
                del self._listings[next(iter(self._listings))]
            self._listings[commit] = listing
        return self._listings[commit]

    @contextlib.contextmanager
    def _doubting(self) -> Iterator[None]:
        """Damage found while reading is remembered, so that the next fetch repairs it."""
        try:
            yield
        except MirrorDamagedError:
            self._stores.suspect(self._store())
            raise
