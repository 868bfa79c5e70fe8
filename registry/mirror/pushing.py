"""One commit of our own: made in the object database without a checkout, and sent to the branch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from registry.mirror.address import Address
from registry.mirror.command import GitCommand, Output
from registry.mirror.errors import (
    BranchMovedError,
    MirrorDamagedError,
    MirrorUnavailableError,
    PushRefusedError,
)
from registry.mirror.fetching import hint_about, printable, said_by
from registry.mirror.values import Author, object_id

_OUTGOING = "refs/assay/outgoing"
# The answers of `git push --porcelain` to a branch that is not where we saw it, by the client and
# by the server that was overtaken between its answer and our pack.
_MOVED = (
    *("[rejected]", "stale info", "cannot lock ref", "failed to update ref"),
    *("incorrect old value", "reference already exists", "failed to lock"),
)
_PATH = re.compile(r"[A-Za-z0-9@._-]+(?:/[A-Za-z0-9@._-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pushing:
    """The steps of one push, by the holder of the mirror's lock."""

    git: GitCommand
    store: str
    address: Address
    branch: str

    def commit(
        self, base: str, files: Mapping[str, bytes], message: str, author: Author, now: datetime
    ) -> str:
        """Write a commit on `base` with `files` over its own, and return its id."""
        stream = _stream(object_id(base), files, message, author, now)
        made = self._git("fast-import", "--quiet", "--force", stdin=stream)
        found = self._git("rev-parse", "--verify", "--end-of-options", _OUTGOING)
        if made.status != 0 or found.status != 0:
            raise MirrorDamagedError(f"the commit cannot be written: {said_by(made)}")
        return object_id(found.text)

    def send(self, base: str, commit: str) -> None:
        """Move the remote's branch from `base` to `commit`, or leave it alone.

        The lease says which tip we saw: without it, a branch that was set back to something older
        would be moved forward again over what was taken away.
        """
        where = f"refs/heads/{self.branch}"
        options = [
            *("--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"),
            *("--recurse-submodules=no", f"--force-with-lease={where}:{object_id(base)}"),
        ]
        refspec = f"{object_id(commit)}:{where}"
        args = ["push", *options, "--end-of-options", self.address.url, refspec]
        done = self._git(*args, seconds=self.git.limits.seconds)
        if done.status != 0:
            raise self._reason(done)

    def _git(self, *args: str, seconds: float = 60, stdin: bytes = b"") -> Output:
        return self.git.run(["--git-dir=" + self.store, *args], seconds=seconds, stdin=stdin)

    def _reason(self, done: Output) -> Exception:
        answers = [line for line in done.text.splitlines() if line.startswith("!\t")]
        where = self.address.url
        if not answers:
            return MirrorUnavailableError(
                f"{where} cannot be pushed to: {said_by(done)}",
                hint=hint_about(done.stderr.lower()),
            )
        answer = printable(answers[0].rpartition("\t")[2], 200)
        if any(mark in answer for mark in _MOVED):
            return BranchMovedError(f"{self.branch} of {where} was moved by somebody else")
        told = [x for x in done.stderr.splitlines() if x.startswith("remote:")]
        explained = printable("; ".join(x[7:].strip() for x in told if x[7:].strip()), 300)
        return PushRefusedError(f"{where} refuses {self.branch}: {answer} {explained}".rstrip())


def _stream(
    base: str, files: Mapping[str, bytes], message: str, author: Author, now: datetime
) -> bytes:
    """What git-fast-import(1) reads: one commit, its files inline."""
    when = f"{_plain(author.name)} <{_plain(author.email)}> {int(now.timestamp())} +0000"
    text = message.encode()
    parts = [
        f"commit {_OUTGOING}\nauthor {when}\ncommitter {when}\ndata {len(text)}\n".encode(),
        text,
        f"\nfrom {base}\n".encode(),
    ]
    for path, content in sorted(files.items()):
        if not _PATH.fullmatch(path):
            raise ValueError(f"{path!r} is no path of ours")
        parts += [f"M 100644 inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
    return b"".join(parts)


def _plain(text: str) -> str:
    """Without what ends a name or an address in a commit."""
    return re.sub(r"[<>\x00-\x1f\x7f]", "", text).strip()
