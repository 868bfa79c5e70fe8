"""A real Git repository with prompts in it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_OWN = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Repository:
    """`folder` is the working tree's top."""

    folder: Path

    @classmethod
    def new(cls, folder: Path, files: dict[str, str]) -> Repository:
        folder.mkdir(parents=True)
        made = cls(folder)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit(files)
        return made

    def write(self, files: dict[str, str | None]) -> None:
        """None removes a file."""
        for path, text in files.items():
            file = self.folder / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())

    def commit(
        self, files: dict[str, str | None] | dict[str, str], message: str = "Prompts."
    ) -> str:
        self.write(dict(files))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *_OWN, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()
