"""A Git repository on this machine: which commits there are, what differs, and what files say.

Git runs as the person who calls us, with their configuration: it is their own clone. What comes out
of it is screened as the server screens it (`registry.mirror.listing`).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from assay import settings
from assay.errors import CommitUnknownError, GitFailedError, GitMissingError, NoGitError
from core.findings import Finding
from registry.mirror.listing import Listing, is_lfs_pointer, parse_rows, screen
from registry.mirror.values import Entry, MirrorLimits

_SECONDS = 120
_READ_TOGETHER = 256 * 1024
_LIMITS = MirrorLimits()


@dataclass(frozen=True)
class Clone:
    """A repository, seen from one folder in it.

    `top` is where Git runs: the top of the working tree, or a bare repository. `prefix` leads from
    there to the prompts: empty, or `prompts_repo/`.
    """

    top: Path
    prefix: str = ""

    @property
    def folder(self) -> Path:
        """The folder that is looked at; in a bare repository it does not exist."""
        return self.top / self.prefix

    def commit(self, revision: str) -> str:
        """The whole id of a commit. Raises CommitUnknownError.

        What a push names where nothing was before (zeros) is the empty tree.
        """
        if set(revision) == {"0"}:
            return self.run("hash-object", "-t", "tree", "--stdin").decode().strip()
        wanted = f"{revision}^{{commit}}"
        said = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", wanted, ok=(0, 1))
        if not said:
            raise CommitUnknownError(f"Git knows no commit {revision!r} here")
        return said.decode().strip()

    def fork(self, base: str, head: str) -> str:
        """The newest commit that both have in their history; `base` itself when there is none."""
        said = self.run("merge-base", base, head, ok=(0, 1, 128)).decode().strip()
        return said or base

    def changed(self, base: str, head: str | None) -> tuple[str, ...]:
        """The paths below the folder that differ. `head` None: the files as they lie there."""
        if head is not None:
            told = self.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head)
            return self._below(_names(told))
        plain = ("--name-only", "-z", "--no-renames", "--no-ext-diff")
        below = ("--", self.prefix or ".")
        # Each looks at every file of the working tree, so they look at the same time.
        with ThreadPoolExecutor(2) as both:
            known = both.submit(self.run, "diff", *plain, "--no-relative", base, *below)
            new = both.submit(self.run, "ls-files", "-z", "--others", "--exclude-standard", *below)
            return self._below([*_names(known.result()), *_names(new.result())])

    def files(self, commit: str, under: Collection[str] | None = None) -> CommitFiles:
        """The files of a commit; with `under`, just these and what lies below them."""
        return CommitFiles(self, commit, None if under is None else tuple(sorted(under)))

    def _below(self, paths: Iterable[str]) -> tuple[str, ...]:
        start = len(self.prefix)
        return tuple(sorted({path[start:] for path in paths if path.startswith(self.prefix)}))

    def run(self, *arguments: str, ok: Collection[int] = (0,), given: bytes | None = None) -> bytes:
        """What Git prints, given these exit codes. Raises GitFailedError for every other."""
        done = subprocess.run(
            [_git(), *arguments],
            cwd=self.top,
            env=settings.git_reading_environment(),
            input=b"" if given is None else given,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode not in ok:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise GitFailedError(f"git {arguments[0]} failed: {said[-1] if said else 'no reason'}")
        return done.stdout

    def listing(self, commit: str, under: tuple[str, ...] | None) -> Listing:
        """`ls-tree`, screened. Paths start below the folder."""
        if under == ():
            return Listing((), ())
        tree = f"{commit}:{self.prefix.rstrip('/')}"
        below = () if under is None else ("--", *under)
        told = self.run("--literal-pathspecs", "ls-tree", "-r", "-l", "-z", "--full-tree", tree,
                         *below, ok=(0, 128))  # fmt: skip
        return screen(parse_rows(told, _LIMITS), _LIMITS, self._pointers)

    def _pointers(self, entries: Collection[Entry]) -> list[str]:
        small = [entry for entry in entries if entry.size > 0]
        bodies = zip(small, self.contents(small), strict=True)
        return [entry.blob_id for entry, body in bodies if is_lfs_pointer(body)]

    def contents(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        """The bytes of many files, in order, through one `git cat-file`."""
        wanted = list(entries)
        if not wanted:
            return
        told = self.run("cat-file", "--batch", given=_lines(e.blob_id for e in wanted))
        at = 0
        for entry in wanted:
            end = told.index(b"\n", at)
            if told[at:end].endswith(b"missing"):
                raise GitFailedError(f"the clone has lost {entry.path}; is it a partial clone?")
            size = int(told[at:end].rsplit(b" ", 1)[1])
            yield told[end + 1 : end + 1 + size]
            at = end + size + 2

    def holding(self, commit: str, words: Iterable[str], under: str) -> list[str]:
        """Paths below the folder that start with `under` and hold one of `words`."""
        how = ("-l", "-z", "--full-name", "--fixed-strings", "-f", "-", commit)
        where = f"{self.prefix}{under}".rstrip("/")
        given = _lines(words)
        told = self.run("--literal-pathspecs", "grep", *how, "--", where, ok=(0, 1), given=given)
        return list(self._below(name.partition(":")[2] for name in _names(told)))


@dataclass
class CommitFiles:
    """The files of one commit. See `registry.domain.files`: addressed and searchable.

    With `under`, `paths()` are only those; every other file can be read all the same.
    """

    clone: Clone
    commit: str
    under: tuple[str, ...] | None = None

    @cached_property
    def _listing(self) -> Listing:
        return self.clone.listing(self.commit, self.under)

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self._listing.entries}

    @cached_property
    def _small(self) -> dict[str, bytes]:
        """Read together: a process for each file would take longer than all the rest."""
        wanted = [e for e in self._entries.values() if e.size <= _READ_TOGETHER]
        names = [entry.path for entry in wanted]
        return dict(zip(names, self.clone.contents(wanted), strict=True))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Which files were left out, and why."""
        return self._listing.skipped

    def paths(self) -> list[str]:
        """Every file's path; sorted."""
        return list(self._entries)

    def read(self, path: str) -> bytes:
        """The file's bytes; KeyError when there is no such file."""
        if path in self._small:
            return self._small[path]
        return next(self.clone.contents([self._entry(path)]))

    def blob_id(self, path: str) -> str:
        """Git's id of the contents."""
        return self._entry(path).blob_id

    def _entry(self, path: str) -> Entry:
        if path in self._entries:
            return self._entries[path]
        others = () if self.under is None else self.clone.listing(self.commit, (path,)).entries
        return {entry.path: entry for entry in others}[path]

    def containing(self, words: Iterable[str], under: str) -> list[str]:
        """See `registry.domain.files.SearchableFiles`: of the whole commit, whatever `under` is."""
        return self.clone.holding(self.commit, words, under)


def clone_at(folder: Path) -> Clone:
    """The repository that `folder` lies in, or that is kept bare around it.

    Raises NoGitError, GitMissingError.
    """
    if not folder.is_dir():
        return replace(clone_at(Path()), prefix=f"{folder.as_posix()}/")
    try:
        is_bare = _asked(folder, "--is-bare-repository") == "true"
        if is_bare:
            return Clone(folder)
        return Clone(Path(_asked(folder, "--show-toplevel")), _asked(folder, "--show-prefix"))
    except GitFailedError as error:
        raise NoGitError(f"{folder} is not in a Git repository") from error


def _asked(folder: Path, question: str) -> str:
    return Clone(folder).run("rev-parse", question).decode().rstrip("\n")


def _git() -> str:
    found = shutil.which("git")
    if found is None:
        raise GitMissingError
    return found


def _names(told: bytes) -> list[str]:
    return [name.decode("utf-8", "surrogateescape") for name in told.split(b"\0") if name]


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()
