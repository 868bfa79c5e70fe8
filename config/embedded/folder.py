"""The data folder: made private, checked before use, claimed by one running Assay at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Self

from config.embedded import locations
from core.errors import ConflictError, InvalidError


class DataFolderError(InvalidError):
    """The data folder cannot be used."""

    code = "data_folder"


class AlreadyRunningError(ConflictError):
    """Assay already runs in this data folder."""

    code = "already_running"


def prepare(data: Path, *, postgres_major: str) -> Path:
    """Make the data folder (mode 0700) and the folders in it, and return its absolute path.

    Refuses a file, a folder that cannot be written, and databases of another major version than
    `postgres_major` (such as "18"): DataFolderError says what to do.
    """
    data = data.expanduser().resolve()
    _make(data)
    _check_versions(data, postgres_major)
    for folder in (locations.state_folder(data), locations.log_folder(data)):
        _make(folder)
    if (sockets := locations.socket_folder(data)).parent != data:
        _make(sockets)
        _check_private(sockets)
    return data


def leave(data: Path) -> None:
    """Remove the short socket folder in /tmp, if there is one; call it when all servers stopped."""
    if (sockets := locations.socket_folder(data)).parent != data:
        with suppress(OSError):  # something still listens there
            sockets.rmdir()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_writable(folder)
    except (FileExistsError, NotADirectoryError):
        raise DataFolderError(
            f"{folder} is not a folder", hint="choose another one: --data"
        ) from None
    except OSError as error:
        raise DataFolderError(
            f"{folder} cannot be written: {error.strerror}",
            hint="choose another data folder (--data), or change its owner",
        ) from error


def _check_writable(folder: Path) -> None:
    """Root passes every permission check, and a file system may still be read-only: so try."""
    probe = folder / f".probe-{os.getpid()}"
    probe.touch(mode=0o600)
    probe.unlink()


def _check_private(folder: Path) -> None:
    """Anybody could have made this folder in /tmp before us, so look whose it is."""
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise DataFolderError(
            f"{folder} is not a private folder of this user",
            hint="remove it, or choose a data folder with a shorter path (--data)",
        )


def _check_versions(data: Path, major: str) -> None:
    if (data / "PG_VERSION").exists():
        raise DataFolderError(
            f"{data} is itself a PostgreSQL data folder",
            hint="choose another data folder (--data), or run that server and set DATABASE_URL",
        )
    version = locations.postgres_folder(data) / "PG_VERSION"
    if not version.exists():
        return
    found = version.read_text(encoding="ascii").strip()
    if found != major:
        raise DataFolderError(
            f"{version.parent} was made by PostgreSQL {found}, and this Assay brings {major}",
            hint="dump it with the Assay that made it and restore the dump (pg_dump, psql), "
            "or start with an empty data folder (--data) and sync again",
        )


class Claim:
    """The exclusive right to run in a data folder. The kernel ends it with the process."""

    def __init__(self, data: Path) -> None:
        """Take the lock, or raise AlreadyRunningError naming who holds it."""
        self._descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 1000, 0).decode("ascii", "replace").split()
            os.close(self._descriptor)
            raise AlreadyRunningError(
                f"Assay already runs in {data} ({_describe(holder)})",
                hint="stop it first, or choose another data folder (--data)",
            ) from None
        self._write(str(os.getpid()))

    def announce(self, url: str) -> None:
        """Tell a second start where the running one answers."""
        self._write(f"{os.getpid()} {url}")

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)

    def _write(self, text: str) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode("ascii"), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _describe(holder: list[str]) -> str:
    pid, url = (*holder, "", "")[:2]
    return ", ".join(part for part in (pid and f"pid {pid}", url or "still starting") if part)


def bounded_log(path: Path, *, limit_bytes: int = 5_000_000) -> Path:
    """`path`, after a log that outgrew the limit has become `<name>.1`, replacing the older one."""
    if path.exists() and path.stat().st_size > limit_bytes:
        path.replace(path.with_name(path.name + ".1"))
    return path


def once(folder: Path, build: Callable[[Path], None]) -> None:
    """Build `folder` beside its place and move it there whole: killed halfway leaves nothing."""
    if folder.exists():
        return
    draft = folder.with_name(folder.name + ".part")
    if draft.exists():
        rmtree(draft)
    draft.mkdir(mode=0o700)
    build(draft)
    draft.rename(folder)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
