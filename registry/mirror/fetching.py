"""One fetch: download, judge, accept; and rebuild the store when it turns out to be damaged."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from registry.mirror.address import Address
from registry.mirror.command import GitCommand, Output
from registry.mirror.errors import (
    BranchMissingError,
    EmptyRepositoryError,
    MirrorDamagedError,
    MirrorRefusedError,
    MirrorTimeoutError,
    MirrorUnavailableError,
)
from registry.mirror.listing import parse_rows
from registry.mirror.store import StoreFolder
from registry.mirror.trees import Trees
from registry.mirror.values import Extent, Fetched, object_id

MIRRORED = "refs/assay/mirrored"
_INCOMING = "refs/assay/incoming"
_LISTING_BYTES = 64 * 1_048_576
_SECONDS_LOCAL = 60
#: A commit that changes more files is listed whole.
_RECKONED = 1_000
_TOO_LARGE = ("file too large", "out of memory", "cannot allocate memory")
_MALFORMED = ("fsck error", "invalid index-pack output", "mismatched algorithms", "bad object")
_NO_BRANCH = ("find remote ref",)
#: Branch names that Git accepted. Each question is a process, and a sync asks every few seconds.
_CHECKED: set[str] = set()
#: Of every `git fetch`.
OPTIONS = (
    *("--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance"),
    *("--no-write-fetch-head", "--no-show-forced-updates", "--refmap=", "--end-of-options"),
)


@dataclass(frozen=True, slots=True)
class Fetching:
    """The steps of one fetch, by the holder of the mirror's lock."""

    git: GitCommand
    stores: StoreFolder
    address: Address
    branch: str
    #: The trees of the store in use.
    trees: Callable[[], Trees]

    def fetch(self) -> Fetched:
        """Bring the branch up to date. On any error the last good commit stays what it was."""
        self.git.check_version()
        self._check_branch()
        store = self.stores.current()
        if store is None:
            return self._rebuild(None)
        previous = self.mirrored(store)
        if previous is None or not self._may_be_trusted(store):
            return self._rebuild(previous)
        return self._update(store, previous)

    def mirrored(self, store: str) -> str | None:
        """The last accepted commit, or None when there is none or its record is broken."""
        return self.stores.ref(store, MIRRORED) or self._resolve(store, MIRRORED)

    def _check_branch(self) -> None:
        if self.branch in _CHECKED:
            return
        checked = self.git.run(["check-ref-format", f"refs/heads/{self.branch}"])
        if checked.status != 0:
            raise MirrorRefusedError(f"Git does not accept the branch name {self.branch!r}")
        _CHECKED.add(self.branch)

    def _update(self, store: str, previous: str) -> Fetched:
        try:
            commit = self._download(store, previous)
            if commit == previous:  # as nearly always
                self.stores.forget_replaced()
                return Fetched(commit, previous, rewritten=False)
            is_next = previous in self.trees().parents(commit)  # as nearly always
            is_rewritten = not is_next and self._rewritten(store, previous, commit)
            fetched = Fetched(commit, previous, is_rewritten)
            self._accept(store, commit, self.extent(store, commit))
        except (MirrorUnavailableError, MirrorRefusedError):
            # A damaged store often shows as a strange answer: only then is the remote innocent.
            if self.is_sound(store, contents=False):
                raise
            return self._rebuild(previous)
        self.stores.forget_replaced()
        if self.stores.is_cluttered(store):
            self._tidy(store)
        return fetched

    def _tidy(self, store: str) -> None:
        """Put small packs together and leave the large ones alone: somebody waits for the commit.
        Nothing is dropped. Failing to tidy is no reason to fail the fetch.
        """
        args = ["repack", "--geometric=2", "-d", "--quiet"]
        self.git.run(["--git-dir=" + store, *args], seconds=_SECONDS_LOCAL)

    def _rebuild(self, previous: str | None) -> Fetched:
        store = self.stores.new()
        made = self.git.run(["init", "--quiet", "--bare", "--template=", store])
        if made.status != 0:
            raise MirrorUnavailableError(f"the mirror cannot be created: {said_by(made)}")
        commit = self._download(store)
        rewritten = self._rewritten(store, previous, commit)
        self._accept(store, commit, None)
        self.stores.put_to_use(store)
        return Fetched(commit, previous, rewritten)

    def _may_be_trusted(self, store: str) -> bool:
        """Outgrown stores start afresh; doubted ones are read whole before they are used again."""
        if self.stores.size(store) > 2 * self.git.limits.total_bytes:
            return False
        if self.stores.is_suspect(store):
            if not self.is_sound(store, contents=True):
                return False
            self.stores.trust(store)
        return True

    def is_sound(self, store: str, *, contents: bool) -> bool:
        """Whether every object is there; with `contents`, also whether each has its own hash."""
        mode = [] if contents else ["--connectivity-only"]
        args = ["fsck", "--no-dangling", "--no-progress", "--no-reflogs", *mode]
        try:
            checked = self.git.run(["--git-dir=" + store, *args], seconds=_SECONDS_LOCAL)
        except MirrorTimeoutError:
            # Too large to be read in a minute is not the same as broken.
            return True
        return checked.status == 0 and self.mirrored(store) is not None

    def _download(self, store: str, previous: str | None = None) -> str:
        refspec = f"+refs/heads/{self.branch}:{_INCOMING}"
        done = self.git.run(
            ["--git-dir=" + store, "fetch", *OPTIONS, self.address.url, refspec],
            seconds=self.git.limits.seconds,
        )
        if done.status != 0:
            raise self.reason(done)
        if re.search(r"^error:", done.stderr, re.MULTILINE):
            # Git found a broken file here and fetched around it; the next fetch looks closely.
            self.stores.suspect(store)
        if previous is not None and self.stores.ref(store, _INCOMING) == previous:
            return previous  # it was found to be a commit when it came
        commit = self._resolve(store, _INCOMING + "^{commit}")
        if commit is None:
            raise MirrorRefusedError(f"the branch {self.branch!r} does not name a commit")
        return commit

    def _accept(self, store: str, commit: str, extent: Extent | None) -> None:
        """Judge the size of the commit, then make it the mirrored one.

        `extent` is what is known of it; it is listed whole when that is nothing, or too much.
        """
        if extent is None or extent.files > self.git.limits.files:
            rows = parse_rows(list_tree(self.git, store, commit), self.git.limits)
            extent = Extent(len(rows), sum(max(row.size, 0) for row in rows))
        moved = self.git.run(["--git-dir=" + store, "update-ref", "--no-deref", MIRRORED, commit])
        if moved.status != 0:
            raise MirrorDamagedError(f"the mirror cannot record the commit: {said_by(moved)}")
        self.stores.note_extent(store, commit, extent)

    def extent(self, store: str, commit: str) -> Extent | None:
        """How much a commit holds, reckoned from what the mirrored one does; None when that is not
        known, or very different.
        """
        mirrored = self.mirrored(store)
        known = self.stores.extent(store, mirrored) if mirrored else None
        if mirrored is None or known is None:
            return None
        trees = self.trees()
        changed = trees.differences(trees.root(mirrored), trees.root(commit), _RECKONED)
        if changed is None:
            return None
        files, size = known.files, known.bytes
        for each in changed:
            for node, sign in ((each.old, -1), (each.new, 1)):
                if node is not None:
                    files += sign
                    size += sign * max(trees.size(node), 0)
        return Extent(files, size)

    def _rewritten(self, store: str, previous: str | None, commit: str) -> bool:
        return previous is not None and not is_ancestor(self.git, store, previous, commit)

    def _resolve(self, store: str, revision: str) -> str | None:
        found = self.git.run(
            ["--git-dir=" + store, "rev-parse", "--quiet", "--verify", "--end-of-options", revision]
        )
        return object_id(found.text) if found.status == 0 else None

    def reason(self, done: Output) -> Exception:
        """Why a fetch failed."""
        said, where = done.stderr.lower(), self.address.url
        if any(mark in said for mark in _NO_BRANCH):
            return self._missing()
        if any(mark in said for mark in _TOO_LARGE):
            limit = self.git.limits.total_bytes
            return MirrorRefusedError(f"{where} is larger than the {limit:,} bytes allowed")
        if any(mark in said for mark in _MALFORMED):
            return MirrorRefusedError(f"Git refuses what {where} sent: {said_by(done)}")
        return MirrorUnavailableError(
            f"{where} cannot be fetched: {said_by(done)}", hint=hint_about(said), said=said_by(done)
        )

    def _missing(self) -> Exception:
        """The remote answered, but not with this branch: find out whether it has any."""
        args = ["ls-remote", "--quiet", "--heads", "--end-of-options", self.address.url]
        listed = self.git.run(args)
        heads = re.findall(r"\trefs/heads/(\S+)$", listed.text, re.MULTILINE)
        if listed.status == 0 and not heads:
            return EmptyRepositoryError(f"{self.address.url} has no branch yet")
        known = ", ".join(printable(h, 60) for h in heads[:5])
        return BranchMissingError(
            f"{self.address.url} has no branch {self.branch!r}", hint=f"it has: {known}"
        )


def list_tree(git: GitCommand, store: str, commit: str) -> bytes:
    """`ls-tree` of a whole commit. Raises MirrorDamagedError, MirrorRefusedError (too long)."""
    args = ["ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", object_id(commit)]
    listed = git.run(
        ["--git-dir=" + store, *args], seconds=_SECONDS_LOCAL, stdout_bytes=_LISTING_BYTES
    )
    if listed.status != 0:
        raise MirrorDamagedError(f"the files of {commit} cannot be listed: {said_by(listed)}")
    return listed.stdout


def list_folder(git: GitCommand, store: str, commit: str, folder: str) -> bytes:
    """`ls-tree` of the files right in one folder of a commit; empty when there is none."""
    args = [
        "ls-tree",
        "-l",
        "-z",
        "--full-tree",
        "--end-of-options",
        object_id(commit),
        f"{folder}/",
    ]
    listed = git.run(
        ["--git-dir=" + store, *args], seconds=_SECONDS_LOCAL, stdout_bytes=_LISTING_BYTES
    )
    if listed.status != 0:
        raise MirrorDamagedError(f"{folder} of {commit} cannot be listed: {said_by(listed)}")
    return listed.stdout


def ids_beginning(git: GitCommand, store: str, digits: str) -> list[str]:
    """The ids of all objects that begin with `digits` (hex, at least 4)."""
    asked = git.run(
        ["--git-dir=" + store, "rev-parse", f"--disambiguate={digits}"], seconds=_SECONDS_LOCAL
    )
    return asked.text.split()


def is_ancestor(git: GitCommand, store: str, old: str, new: str) -> bool:
    """Whether `old` is `new` or in its history; an `old` the store has never seen is not."""
    args = ["merge-base", "--is-ancestor", "--end-of-options", object_id(old), object_id(new)]
    return git.run(["--git-dir=" + store, *args], seconds=_SECONDS_LOCAL).status == 0


def commits_touching(
    git: GitCommand, store: str, path: str, old: str, new: str, limit: int
) -> tuple[str, ...]:
    """Commits of `old..new` that changed `path`, newest first, at most `limit`."""
    span = f"{object_id(old)}..{object_id(new)}"
    args = ["rev-list", f"--max-count={limit}", "--end-of-options", span, "--", path]
    listed = git.run(["--git-dir=" + store, *args], seconds=_SECONDS_LOCAL)
    return tuple(map(object_id, listed.text.split())) if listed.status == 0 else ()


def hint_about(said: str) -> str:
    """What a person can do about what Git said, in lower case; empty when that is unknown."""
    if "returned error: 30" in said:
        return "the server redirects elsewhere, which is not followed; use the final address"
    if "host key verification failed" in said:
        return "add the server's key to the known_hosts file"
    if any(m in said for m in ("authentication failed", "permission denied", "could not read")):
        return "check the credentials of the prompt repository, and that they have not expired"
    return ""


def said_by(done: Output) -> str:
    """The telling line of Git's stderr, without anything a terminal would obey."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    telling = [x for x in lines if not x.lower().startswith(("remote:", "warning:"))]
    return printable(telling[0], 300) if telling else f"exit status {done.status}"


def printable(text: str, limit: int) -> str:
    """At most `limit` characters, with `?` for each that a terminal might obey."""
    return "".join(c if c.isprintable() else "?" for c in text[:limit])
