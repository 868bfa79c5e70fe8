"""The starter repository: where it is, and a copy of it under Git."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from assay import settings
from assay.errors import FolderNotEmptyError, GitFailedError, GitMissingError, StarterMissingError

#: In a wheel the starter is packed inside the package; in a checkout it lies beside it.
_PLACES = (
    Path(__file__).parent / "_starter",
    Path(__file__).parent.parent / "prompts_repo",
)
_OWN_NAME = ("-c", "user.name=Assay", "-c", "user.email=assay@localhost")
_GIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class NewRepository:
    """What `assay init` made. `path` is absolute; `commit` is a whole object id."""

    path: str
    files: int
    commit: str


def create(folder: Path) -> NewRepository:
    """Copy the starter repository into `folder` and commit it on `main`.

    Raises FolderNotEmptyError, GitMissingError, StarterMissingError (nothing is written then) and
    GitFailedError.
    """
    starter = _starter()
    git = shutil.which("git")
    if git is None:
        raise GitMissingError
    target = folder.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FolderNotEmptyError(f"{folder} is not an empty folder")
    ignored = shutil.ignore_patterns("__pycache__", ".git", ".DS_Store")
    shutil.copytree(starter, target, dirs_exist_ok=True, symlinks=True, ignore=ignored)
    return NewRepository(str(target), _count(target), _committed(git, target))


def _starter() -> Path:
    for place in _PLACES:
        if (place / "prompts").is_dir():
            return place
    raise StarterMissingError


def _count(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


def _committed(git: str, folder: Path) -> str:
    _git(git, folder, "init", "--quiet", "--initial-branch=main")
    _git(git, folder, "add", "--all")
    name = () if _has_identity(git, folder) else _OWN_NAME
    # Signing may ask for a passphrase, and hooks of other projects have no business here.
    plain = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=.git/no-hooks")
    message = "Start from Assay's starter repository."
    _git(git, folder, *name, *plain, "commit", "--quiet", "--message", message)
    return _git(git, folder, "rev-parse", "HEAD").strip()


def _has_identity(git: str, folder: Path) -> bool:
    try:
        return bool(_git(git, folder, "config", "user.email").strip())
    except GitFailedError:
        return False


def _git(git: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [git, *arguments],
        cwd=folder,
        env=settings.git_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_GIT_SECONDS,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise GitFailedError(
            f"git {arguments[0]} failed: {said[-1] if said else 'no reason given'}"
        )
    return done.stdout
