"""PostgreSQL refuses root. Assay starts it anyway: as root, as a normal user, as nobody known."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.embedded import locations, postgres, processes

AS_ROOT = os.geteuid() == 0
UP = "up\n"


@dataclass(frozen=True)
class Ordinary:
    """How to run a program as a user who is not root, and whose files that user makes."""

    options: dict[str, Any]
    uid: int


def ordinary_user(uid: int) -> Ordinary:
    """Another user if root runs the tests and that user can reach a Python; else a user namespace,
    where the process is that user and keeps root's reach. A normal user is ordinary already."""
    if not AS_ROOT:
        return Ordinary({}, os.geteuid())
    become = {"user": uid, "group": uid, "extra_groups": []}
    if python := next(filter(lambda python: can_run(python, become), pythons()), None):
        return Ordinary({"python": python, **become}, uid)
    return Ordinary({"before": ["unshare", "--user", f"--map-user={uid}"]}, 0)


def pythons() -> Iterator[str]:
    """This Python, and the system's of the same version: this one may lie in /root."""
    yield sys.executable
    name = f"python3.{sys.version_info.minor}"
    if system := shutil.which(name, path="/usr/local/bin:/usr/bin"):
        yield system


def can_run(python: str, become: dict[str, Any]) -> bool:
    program = [python, "-c", "import psycopg, config.embedded.supervisor"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(program, env=environment, capture_output=True, check=False, **become)
    except PermissionError:
        return False
    return done.returncode == 0


@pytest.fixture
def home() -> Iterator[Callable[[int], Path]]:
    """Make a private folder for a user. Not in tmp_path: pytest lets only its own user in there."""
    made: list[Path] = []

    def make(uid: int) -> Path:
        path = Path(tempfile.mkdtemp(prefix="assay-home-"))
        made.append(path)
        os.chown(path, uid, uid) if AS_ROOT else None
        return path

    yield make
    for path in made:
        shutil.rmtree(path)


@pytest.mark.parametrize("uid", [processes.NOBODY, 54321], ids=["nobody", "a user without a name"])
def test_a_normal_user_starts_the_servers(uid, home, hold_servers, sql, processes_of):
    """A uid without a passwd entry is what many clusters give a container."""
    user = ordinary_user(uid)
    data = home(user.uid) / "data"
    environment = {"HOME": str(data.parent)}
    child = hold_servers(data, environment=environment, **user.options)
    assert child.stdout.readline() == UP, child.stderr.read()
    assert (locations.postgres_folder(data) / "PG_VERSION").stat().st_uid == user.uid
    child.terminate()
    assert child.wait(30) == 0
    assert processes_of(data) == []


# Root of a new user namespace, with all users mapped, that may make no further namespace: what a
# container engine's default seccomp profile does. Only root can map users it is not.
NO_NAMESPACES = """
import ctypes, os, sys
ready_r, ready_w = os.pipe()
done_r, done_w = os.pipe()
if (child := os.fork()) == 0:
    assert ctypes.CDLL(None).unshare(0x10000000) == 0
    os.write(ready_w, b"1")
    os.read(done_r, 1)
    os.setresgid(0, 0, 0); os.setresuid(0, 0, 0)
    open("/proc/sys/user/max_user_namespaces", "w").write("0")
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
os.read(ready_r, 1)
for name in ("uid_map", "gid_map"):
    open(f"/proc/{child}/{name}", "w").write("0 0 65536")
os.write(done_w, b"1")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_root_without_user_namespaces_runs_postgres_as_nobody(tmp_path, hold_servers, sql):
    if not AS_ROOT:  # then nothing depends on namespaces
        assert postgres.identity() == "self"
        return
    data = tmp_path / "data"
    child = hold_servers(data, before=[sys.executable, "-c", NO_NAMESPACES])
    assert child.stdout.readline() == UP, child.stderr.read()
    assert (locations.postgres_folder(data) / "PG_VERSION").stat().st_uid == processes.NOBODY
    assert data.stat().st_uid == 0
    sql(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    child.kill()
    child.communicate()
    # The folder changes hands when namespaces are allowed again.
    again = hold_servers(data)
    assert again.stdout.readline() == UP, again.stderr.read()
    assert (locations.postgres_folder(data) / "PG_VERSION").stat().st_uid == 0
    assert sql(data, "SELECT answer FROM kept") == 42
