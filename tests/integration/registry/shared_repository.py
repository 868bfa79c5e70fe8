"""A bare repository that several people push to, as on a Git host, and one person's clone."""

from __future__ import annotations

from pathlib import Path

from tests.integration.registry.git_repositories import PromptRepository

_NO_COMMITS_OF_OURS = """#!/bin/sh
while read old new ref; do
  case "$(git log -1 --format=%an $new)" in Assay)
    echo "protected branch: changes go through a pull request" >&2; exit 1;;
  esac
done
"""


class SharedRepository(PromptRepository):
    """The clone: each commit is pushed. `url` is that of the bare repository."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.bare = path / "prompts.git"
        super().__init__(path / "clone")
        self.bare.mkdir()
        self._in_bare("init", "--quiet", "--bare", "--template=", "--initial-branch=main", ".")
        self.git("remote", "add", "origin", str(self.bare))

    @property
    def url(self) -> str:
        return str(self.bare)

    @property
    def tip(self) -> str:
        """The commit the shared branch points at."""
        return self._in_bare("rev-parse", "refs/heads/main")

    def commit(self, message: str = "Change prompts.") -> str:
        super().commit(message)
        self.push()
        return self.head

    def push(self, *, force: bool = False) -> None:
        """Make the shared branch that of the clone."""
        self.git("push", "--quiet", *(["--force"] if force else []), "origin", "main")

    def pull(self) -> str:
        """Make the clone's branch the shared one."""
        self.git("fetch", "--quiet", "origin", "main")
        return self.force_push("FETCH_HEAD")

    def file(self, path: str, commit: str = "main") -> str:
        """A file's text on the shared branch."""
        return self._in_bare("show", f"{commit}:{path}") + "\n"

    def paths(self) -> list[str]:
        """The files of the shared branch."""
        return self._in_bare("ls-tree", "-r", "--name-only", "main").splitlines()

    def message(self, commit: str = "main") -> str:
        """A commit's message."""
        return self._in_bare("log", "-1", "--format=%B", commit)

    def commits(self) -> int:
        """How many commits the shared branch has."""
        return int(self._in_bare("rev-list", "--count", "main"))

    def protect(self) -> None:
        """Let the host refuse what Assay pushes. Git reads hooks from there only when told."""
        hooks = self.bare / "our-hooks"
        hooks.mkdir()
        (hooks / "pre-receive").write_text(_NO_COMMITS_OF_OURS)
        (hooks / "pre-receive").chmod(0o755)
        self._in_bare("config", "core.hooksPath", str(hooks))

    def unprotect(self) -> None:
        """Take that back."""
        self._in_bare("config", "--unset", "core.hooksPath")

    def _in_bare(self, *args: str) -> str:
        return self.git("-C", str(self.bare), *args).decode().strip()
