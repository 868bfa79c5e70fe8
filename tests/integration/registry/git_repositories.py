"""Builds real prompt repositories with Git, without any configuration of the machine.

    first = PromptRepository(tmp_path / "prompts").write({"tags.yaml": "…"}).commit("Add tags.")

Commit ids are reproducible: authors are fixed and each commit is one minute after the last.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

_START = datetime(2026, 1, 1, tzinfo=UTC)
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/dev/null",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Alice Author",
    "GIT_AUTHOR_EMAIL": "alice@example.org",
    "GIT_COMMITTER_NAME": "Carol Committer",
    "GIT_COMMITTER_EMAIL": "carol@example.org",
}


class PromptRepository:
    """A repository with a work tree. `url` is its path, for a mirror that may use `file`."""

    def __init__(self, path: Path, branch: str = "main") -> None:
        self.path = Path(path)
        self.branch = branch
        self._commits = 0
        self.path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--template=", f"--initial-branch={branch}")

    @property
    def url(self) -> str:
        return str(self.path)

    @property
    def head(self) -> str:
        """The commit the branch points at."""
        return self.git("rev-parse", f"refs/heads/{self.branch}").decode().strip()

    def git(self, *args: str, stdin: bytes = b"") -> bytes:
        """Run Git in the repository and return its output; a failure fails the test."""
        when = (_START + timedelta(minutes=self._commits)).isoformat()
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            env=_ENVIRONMENT | dates,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def write(self, files: Mapping[str, str | bytes]) -> PromptRepository:
        """Write and stage files; missing folders are made."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return self._stage(list(files))

    def symlink(self, name: str, target: str) -> PromptRepository:
        """Stage a symbolic link."""
        link = self.path / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
        return self._stage([name])

    def remove(self, *names: str) -> PromptRepository:
        """Delete files and stage that."""
        self.git("rm", "--quiet", "-r", "--", *names)
        return self

    def plant(self, mode: str, name: bytes, content: bytes | str) -> PromptRepository:
        """Stage an entry no file system need be able to hold.

        `content` is the blob's bytes, or the hex id of something that exists elsewhere.
        """
        if isinstance(content, bytes):
            content = self.git("hash-object", "-w", "--stdin", stdin=content).decode().strip()
        line = f"{mode} {content}\t".encode() + name + b"\0"
        self.git("update-index", "-z", "--index-info", stdin=line)
        return self

    def commit(self, message: str = "Change prompts.") -> str:
        """Commit what is staged, even nothing, and return the commit's id."""
        self._commits += 1
        self.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message)
        return self.head

    def amend(self, message: str = "Rewritten.") -> str:
        """Replace the last commit, as a force-push after `commit --amend` does."""
        self._commits += 1
        self.git("commit", "--quiet", "--amend", "--allow-empty", "-m", message)
        return self.head

    def force_push(self, commit: str) -> str:
        """Make the branch point at `commit`, whatever it pointed at before."""
        self.git("reset", "--quiet", "--hard", commit)
        return commit

    def start_again(self, message: str = "New history.") -> str:
        """Replace the whole history by one commit of the same files."""
        self._commits += 1
        tree = self.git("write-tree").decode().strip()
        commit = self.git("commit-tree", tree, "-m", message).decode().strip()
        return self.force_push(commit)

    def rename_branch(self, name: str) -> None:
        """What a mirror of the old branch sees as its deletion."""
        self.git("branch", "--quiet", "--move", self.branch, name)
        self.branch = name

    def drop_all_branches(self) -> None:
        """Leave a repository without a single commit that can be reached."""
        self.git("update-ref", "-d", f"refs/heads/{self.branch}")

    def delete(self) -> None:
        """Remove the repository from the disk."""
        shutil.rmtree(self.path)

    def _stage(self, names: list[str]) -> PromptRepository:
        self.git(
            *("--literal-pathspecs", "add", "--force"),
            *("--pathspec-from-file=-", "--pathspec-file-nul"),
            stdin=b"\0".join(n.encode() for n in names),
        )
        return self
