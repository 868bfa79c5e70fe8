"""PostgreSQL refuses root. Assay starts it anyway: as root, as a normal user, as nobody known."""

from __future__ import annotations

import os
import sys

import pytest

from config.embedded import locations, postgres, processes

AS_ROOT = os.geteuid() == 0
UP = "up\n"


@pytest.mark.parametrize(
    "uid",
    [
        pytest.param(processes.NOBODY, id="nobody"),
        pytest.param(54321, id="a user without a name", marks=pytest.mark.slow),
    ],
)
def test_a_normal_user_starts_the_servers(uid, ordinary_user, home, hold_servers, processes_of):
    """A uid without a passwd entry is what many clusters give a container."""
    user = ordinary_user(uid, "psycopg, config.embedded.supervisor")
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


@pytest.mark.slow
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
