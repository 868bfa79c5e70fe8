"""A prompt repository in a folder, read as carefully as from Git.

Symlinks are never followed, sizes and numbers are limited as they are in `registry.mirror`, and
what is left out for it is a finding.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from core.findings import Finding

MAX_FILES = 50_000
MAX_BYTES = 1_048_576
MAX_DATA_BYTES = 64 * 1_048_576
MAX_PATH_CHARS = 512
_DATA_FOLDERS = ("datasets/", "calibration/")


class Folder:
    """The files below a folder, but those in hidden folders (`.git`). See `registry.domain.files`.

    `findings` says which files were left out, and why.
    """

    def __init__(self, root: Path, under: Collection[str] | None = None) -> None:
        """Lists the files; reads none. `root` itself may be reached through a symlink.

        With `under`, just these files, and what lies below these folders.
        """
        self.root = root
        self.findings: tuple[Finding, ...] = ()
        self._sizes: dict[str, int] = {}
        left_out: list[Finding] = []
        for path, info in _listed(root, under):
            problem = _problem(path, info, len(self._sizes))
            if problem:
                left_out.append(problem)
            else:
                self._sizes[path] = info.st_size
            if len(self._sizes) + len(left_out) > MAX_FILES:
                break
        self.findings = tuple(left_out)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._sizes)

    def paths(self) -> list[str]:
        """Every file's path, with `/`, relative to the root; sorted."""
        return sorted(self._sizes)

    def read(self, path: str) -> bytes:
        """The file's bytes; KeyError when there is no such file, or when it has changed by now."""
        limit = limit_of(path)
        if path not in self._sizes:
            raise KeyError(path)
        try:
            # Non-blocking: a file may have become a named pipe since it was listed.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(f"{self.root}/{path}", flags), "rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise KeyError(path) from error
        if len(data) > limit:
            raise KeyError(path)
        return data


def limit_of(path: str) -> int:
    """The most bytes a file at `path` may have; data sets may be larger than prompts."""
    return MAX_DATA_BYTES if path.startswith(_DATA_FOLDERS) else MAX_BYTES


def _listed(root: Path, under: Collection[str] | None) -> Iterator[tuple[str, os.stat_result]]:
    """Files and symlinks below `root`, in order, without what is hidden."""
    if under is None:
        yield from _below(root, "")
        return
    for name in sorted(set(under)):
        path = root / name
        if any(part.startswith(".") for part in Path(name).parts) or _through_link(root, path):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(root, f"{path.relative_to(root).as_posix()}/")
        elif path.exists() or path.is_symlink():
            yield name, path.lstat()


def _through_link(root: Path, path: Path) -> bool:
    """Whether a folder on the way to `path` is a link."""
    return any(parent.is_symlink() for parent in path.parents if root in parent.parents)


def _below(root: Path, start: str) -> Iterator[tuple[str, os.stat_result]]:
    """`start` leads from the root: empty, or ending in a slash. Folders that nobody may read are
    passed over. Paths are texts here: making objects of them took longer than reading the files.
    """
    left = [start]
    while left:
        inside = left.pop()
        try:
            with os.scandir(f"{root}/{inside}") as found:
                entries = sorted((e for e in found if e.name[0] != "."), key=lambda e: e.name)
        except OSError:
            continue
        folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        for entry in entries:
            if entry.name not in folders:
                yield f"{inside}{entry.name}", entry.stat(follow_symlinks=False)
        left += [f"{inside}{name}/" for name in sorted(folders, reverse=True)]


def _problem(path: str, info: os.stat_result, count: int) -> Finding | None:
    shown = path.encode(errors="replace").decode()[:MAX_PATH_CHARS]
    if stat.S_ISLNK(info.st_mode):
        message = "This is a symbolic link; links are never followed."
        return Finding(shown, 0, 0, "warning", "symlink", message, "copy the file here instead")
    if not stat.S_ISREG(info.st_mode):
        return Finding(shown, 0, 0, "warning", "not_a_file", "This is not a regular file.")
    if shown != path or len(path) > MAX_PATH_CHARS:
        message = f"A path is UTF-8 and has at most {MAX_PATH_CHARS} characters."
        return Finding(shown, 0, 0, "error", "file_name", message)
    if info.st_size > limit_of(path):
        message = f"The file has {info.st_size:,} bytes; {limit_of(path):,} are allowed here."
        return Finding(path, 0, 0, "error", "file_too_big", message)
    if count >= MAX_FILES:
        message = f"A repository has at most {MAX_FILES:,} files; the rest is not read."
        return Finding(path, 0, 0, "error", "too_many_files", message)
    return None
