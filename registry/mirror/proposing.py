"""Commits that are proposed for the branch: fetched by their ids, wherever the remote has them.

They never become the mirrored commit. Each is kept by a ref of its own until it is let go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.mirror.command import Output
from registry.mirror.errors import CommitMissingError, MirrorUnavailableError
from registry.mirror.fetching import OPTIONS, Fetching, list_tree, said_by
from registry.mirror.listing import parse_rows
from registry.mirror.values import object_id

_KEPT = "refs/assay/proposed/"
#: So many are kept: more are old.
_MOST_KEPT = 50
_SECONDS = 60
#: Where Git hosts keep the newest commit of a pull request, forks included.
_PULLS = ("refs/heads/*", "refs/pull/*/head", "refs/merge-requests/*/head")
_LISTED_BYTES = 16 * 1_048_576


@dataclass(frozen=True, slots=True)
class Proposing:
    """The steps of one fetch of commits, by the holder of the mirror's lock."""

    fetching: Fetching
    store: str

    def fetch(self, commit: str) -> None:
        """Bring a commit with its history. Raises CommitMissingError when the remote does not have
        it, and as `Fetching.fetch`.
        """
        if not self._has(commit):
            self._download(commit)
        limits = self.fetching.git.limits
        extent = self.fetching.extent(self.store, commit)
        if extent is None or extent.files > limits.files:
            parse_rows(list_tree(self.fetching.git, self.store, commit), limits)
        self._git("update-ref", "--no-deref", _KEPT + commit, commit)
        self._let_go()

    def fork(self, base: str, head: str) -> str:
        """The newest commit that both have in their history; `base` itself when there is none."""
        told = self._git("merge-base", "--end-of-options", object_id(base), object_id(head))
        return object_id(told.text) if told.status == 0 and told.text else base

    def _has(self, commit: str) -> bool:
        """Whether it is here whole: what was fetched by half has no ref that leads to it."""
        kept = self._git("rev-parse", "--quiet", "--verify", _KEPT + object_id(commit))
        if kept.status == 0:
            return True
        held = self._git(
            "for-each-ref", "--count=1", f"--contains={commit}", "--format=%(refname)", "refs/assay"
        )
        return held.status == 0 and bool(held.text)

    def _download(self, commit: str) -> None:
        """By its id, as hosts allow; else by the ref that points at it."""
        if self._fetch(commit).status == 0 and self._has_object(commit):
            return
        refs = self._refs_at(commit)
        if not refs:
            raise CommitMissingError(
                f"{self.fetching.address.url} has no commit {commit}",
                hint="push it there first: only the id is sent, and the server fetches it",
            )
        done = self._fetch(refs[0])
        if done.status != 0:
            raise self.fetching.reason(done)
        if not self._has_object(commit):  # it moved between the two questions
            raise CommitMissingError(f"{self.fetching.address.url} has no commit {commit} any more")

    def _fetch(self, source: str) -> Output:
        where = _KEPT + "incoming"
        return self.fetching.git.run(
            [
                *("--git-dir=" + self.store, "fetch", *OPTIONS),
                *(self.fetching.address.url, f"+{source}:{where}"),
            ],
            seconds=self.fetching.git.limits.seconds,
        )

    def _has_object(self, commit: str) -> bool:
        found = self._git("cat-file", "-t", commit)
        return found.status == 0 and found.text == "commit"

    def _refs_at(self, commit: str) -> list[str]:
        listed = self.fetching.git.run(
            ["ls-remote", "--quiet", "--end-of-options", self.fetching.address.url, *_PULLS],
            seconds=self.fetching.git.limits.seconds,
            stdout_bytes=_LISTED_BYTES,
        )
        if listed.status != 0:
            raise MirrorUnavailableError(
                f"{self.fetching.address.url} cannot be asked: {said_by(listed)}"
            )
        return re.findall(rf"^{commit}\t(refs/\S+)$", listed.text, re.MULTILINE)

    def _let_go(self) -> None:
        """The oldest ones are asked for again if anybody still wants them."""
        listed = self._git(
            "for-each-ref", "--sort=-committerdate", "--format=%(refname)", _KEPT.rstrip("/")
        )
        for ref in listed.text.splitlines()[_MOST_KEPT:]:
            self._git("update-ref", "-d", ref)

    def _git(self, *args: str) -> Output:
        return self.fetching.git.run(["--git-dir=" + self.store, *args], seconds=_SECONDS)
