"""The mirror's folder on disk: `current` names the store in use; a damaged one is replaced whole.

    lock  gitconfig  credential  current -> store-1f3a…  store-1f3a…/ (a bare repository)

A reader follows `current` once and stays in that store, so the one it replaced is kept until the
next good fetch after it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.mirror.errors import (
    MirrorRefusedError,
    MirrorTimeoutError,
    MirrorUnavailableError,
)
from registry.mirror.values import Extent, object_id

_LEFTOVERS = (
    *("*.lock", "refs/**/*.lock", "objects/**/*.lock", "gc.pid", "*.pid"),
    *("objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/??/tmp_obj_*"),
)
_QUARANTINES = ("objects/tmp_objdir-*", "objects/incoming-*")
_SUSPECT = "assay-suspect"
#: More packs than that are slow to read; every fetch brings one.
_PACKS = 25
#: Loose objects in one of 256 folders, each of which is one that we pushed.
_LOOSE = 8
_EXTENT = "assay-extent"


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """The folder of one mirror."""

    folder: Path

    def current(self) -> str | None:
        """The name of the store in use, or None before the first fetch."""
        try:
            name = Path(self.folder / "current").readlink().name
        except OSError:
            return None
        return name if (self.folder / name).is_dir() else None

    def new(self) -> str:
        """A name for a store that is being built; it is swept up if nobody puts it to use."""
        return f"building-{secrets.token_hex(8)}"

    def put_to_use(self, built: str) -> str:
        """Make a built store the current one, atomically, and return its final name."""
        name = built.replace("building-", "store-", 1)
        (self.folder / built).rename(self.folder / name)
        staged = self.folder / f"current.{name}"
        staged.symlink_to(name)
        staged.replace(self.folder / "current")
        return name

    @contextlib.contextmanager
    def locked(self, seconds: float) -> Iterator[int]:
        """Hold the mirror for one writer. Yields the descriptor whose life is the lock's.

        The kernel drops the lock with the last process that has it open, so kill -9 leaves none.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _wait_for(descriptor, time.monotonic() + seconds)
            yield descriptor
        finally:
            os.close(descriptor)

    def sweep(self) -> None:
        """Remove what a killed fetch left. Only for the holder of the lock: nobody else writes."""
        for path in (*self.folder.glob("building-*"), *self.folder.glob("current.*")):
            _remove(path)
        name = self.current()
        if name is None:
            return
        for pattern in _LEFTOVERS + _QUARANTINES:
            for path in (self.folder / name).glob(pattern):
                _remove(path)

    def forget_replaced(self) -> None:
        """Remove stores that are no longer in use."""
        name = self.current()
        for path in self.folder.glob("store-*"):
            if path.name != name:
                _remove(path)

    def size(self, store: str) -> int:
        """Bytes of objects in a store, packed or loose (some servers send them one by one)."""
        objects = self.folder / store / "objects"
        return sum(f.stat().st_size for f in objects.glob("*/*"))

    def is_cluttered(self, store: str) -> bool:
        """Whether the store is in more pieces than can be read quickly."""
        objects = self.folder / store / "objects"
        packs = sum(1 for _ in (objects / "pack").glob("*.pack"))
        return packs > _PACKS or sum(1 for _ in (objects / "17").glob("*")) > _LOOSE

    def note_extent(self, store: str, commit: str, extent: Extent) -> None:
        """Remember how much the mirrored commit holds, so that the next one can be reckoned."""
        text = f"{commit} {extent.files} {extent.bytes}\n"
        (self.folder / store / _EXTENT).write_text(text, encoding="ascii")

    def extent(self, store: str, commit: str) -> Extent | None:
        """What was noted of this commit, or None."""
        try:
            words = (self.folder / store / _EXTENT).read_text(encoding="ascii").split()
            noted, files, size = words
            return Extent(int(files), int(size)) if noted == commit else None
        except (OSError, ValueError):
            return None

    def ref(self, store: str, name: str) -> str | None:
        """The object a ref points at, read from its own file; None when Git has to be asked."""
        try:
            text = (self.folder / store / name).read_text(encoding="ascii").strip()
            return object_id(text)
        except (OSError, ValueError, MirrorRefusedError):
            return None

    def suspect(self, store: str) -> None:
        """Note that reading went wrong: the next fetch looks closely before it trusts the store."""
        with contextlib.suppress(OSError):
            (self.folder / store / _SUSPECT).touch()

    def is_suspect(self, store: str) -> bool:
        """True when a reader has noted a doubt since the last close look."""
        return (self.folder / store / _SUSPECT).exists()

    def trust(self, store: str) -> None:
        """A close look found nothing wrong."""
        (self.folder / store / _SUSPECT).unlink(missing_ok=True)


def _wait_for(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise MirrorTimeoutError("another fetch of this mirror is still running") from None
            time.sleep(0.05)
        else:
            return


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise MirrorUnavailableError(f"the mirror's folder cannot be tidied: {error}") from error
