"""All files of an import or none: written beside their places first, then moved into them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from evals.importers.errors import ImportRefusedError, TargetExistsError

MAX_NAMED = 5


def write_all(target: Path, files: Mapping[str, bytes], *, force: bool = False) -> None:
    """Put `files` (paths relative to `target`, with `/`) into the folder, which is made if needed.

    Raises TargetExistsError without `force` when a file is there already, ImportRefusedError when
    the folder cannot be written; then nothing has changed.
    """
    is_new = not target.exists()
    try:
        target.mkdir(parents=True, exist_ok=True)
        _check(target, files, force=force)
        staging = Path(tempfile.mkdtemp(prefix=".assay-import-", dir=target))
    except OSError as error:
        raise ImportRefusedError(f"{target} cannot be written: {_reason(error)}") from error
    try:
        _Move(target, staging, files, force=force).run()
    except OSError as error:
        raise ImportRefusedError(f"{target} cannot be written: {_reason(error)}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if is_new:
            _remove_if_empty(target)


def existing(target: Path, files: Mapping[str, bytes]) -> list[str]:
    """Those of the paths that are taken, sorted; a dangling link counts."""
    return sorted(path for path in files if os.path.lexists(target / path))


def _check(target: Path, files: Mapping[str, bytes], *, force: bool) -> None:
    root = Path(os.path.realpath(target))
    for path in files:
        place = root / path
        # A link below the folder could lead the import to write somewhere else.
        if os.path.realpath(place.parent) != str(place.parent) or place.is_symlink():
            raise ImportRefusedError(f"{path} is reached through a symbolic link in {target}")
        if place.is_dir():
            raise ImportRefusedError(f"{path} is a folder in {target}")
    taken = existing(target, files)
    if taken and not force:
        more = f" and {len(taken) - MAX_NAMED} more" if len(taken) > MAX_NAMED else ""
        named = ", ".join(taken[:MAX_NAMED])
        raise TargetExistsError(f"{target} has {named}{more} already", files=taken)


class _Move:
    """Moves staged files into place; on any error puts everything back as it was."""

    def __init__(
        self, target: Path, staging: Path, files: Mapping[str, bytes], *, force: bool
    ) -> None:
        self.force = force
        self.target = target
        self.staging = staging
        self.files = files
        self.folders: list[Path] = []
        self.moved: list[tuple[Path, Path | None]] = []

    def run(self) -> None:
        """Stage, then move. Raises OSError after undoing."""
        for number, data in enumerate(self.files.values()):
            (self.staging / f"{number}.new").write_bytes(data)
        try:
            for number, path in enumerate(self.files):
                self._place(number, self.target / path)
        except BaseException:
            self._undo()
            raise

    def _place(self, number: int, place: Path) -> None:
        self._make(place.parent)
        backup = None
        staged = self.staging / f"{number}.new"
        if self.force and place.exists():
            backup = self.staging / f"{number}.old"
            os.link(place, backup)
        if self.force:
            staged.replace(place)
        else:
            os.link(staged, place)  # fails when somebody made the file meanwhile
        self.moved.append((place, backup))

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            self._make(folder.parent)
            folder.mkdir()
            self.folders.append(folder)

    def _undo(self) -> None:
        for place, backup in reversed(self.moved):
            if backup is None:
                place.unlink(missing_ok=True)
            else:
                backup.replace(place)
        for folder in reversed(self.folders):
            _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # somebody put something there meanwhile, or it holds the import


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
