"""`assay serve`: one command, one `ready` line, everything gone at the end, nothing ever lost."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.embedded import locations, processes

pytestmark = pytest.mark.slow

SERVE = ["-m", "assay.main", "serve"]
REPLACEMENTS = ("DATABASE_URL", "BROKER_URL", "ASSAY_MODEL_DEMO_URL")


def eventually(condition: Callable[[], object], *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def assay_serve() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `assay serve` on a data folder with nothing configured; it is stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(
        data: Path,
        port: int,
        *options: str,
        before: Sequence[str] = (),
        python: str = sys.executable,
        **user: Any,
    ) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if key not in REPLACEMENTS}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(data.parent)}
        child = subprocess.Popen(
            [*before, python, *SERVE, "--data", str(data), "--port", str(port), *options],
            **user,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.terminate()
        child.communicate(timeout=60)


def wait_until_ready(child: subprocess.Popen[str], port: int) -> None:
    assert child.stdout
    assert child.stderr
    line = child.stdout.readline()
    assert line == f"ready http://127.0.0.1:{port}\n", child.stderr.read()


def status(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        return int(answer.status)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_ready_once_and_leaves_no_process_when_told_to_stop(
    tmp_path, free_port, assay_serve, processes_of, how
):
    data = tmp_path / "data"
    child = assay_serve(data, free_port)
    wait_until_ready(child, free_port)
    assert status(free_port) == 200
    assert len(processes_of(data)) > 8  # the tree really is what `processes_of` sees
    child.send_signal(how)
    rest, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert rest == ""
    assert processes_of(data) == []


def test_a_second_start_in_the_same_folder_names_the_first(tmp_path, free_port, assay_serve):
    data = tmp_path / "data"
    first = assay_serve(data, free_port, "--no-model")
    wait_until_ready(first, free_port)
    second = assay_serve(data, free_port + 1, "--no-model")
    output, errors = second.communicate(timeout=60)
    assert (second.returncode, output) == (2, "")
    assert f"already runs in {data} (pid {first.pid}, http://127.0.0.1:{free_port})" in errors
    assert status(free_port) == 200


def test_a_port_in_use_is_said_before_anything_is_started(tmp_path, free_port, assay_serve):
    data = tmp_path / "data"
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        child = assay_serve(data, free_port)
        output, errors = child.communicate(timeout=60)
    assert (child.returncode, output) == (2, "")
    assert f"error: port {free_port} on 127.0.0.1 is in use" in errors
    assert "starting" not in errors
    assert not locations.postgres_folder(data).exists()


def test_kill_minus_nine_at_any_moment_leaves_nothing_running_and_loses_nothing(
    tmp_path, free_port, assay_serve, processes_of
):
    """Three moments of a start, drawn anew each run, then a start that has to find everything."""
    data = tmp_path / "data"
    kept = 0
    for _ in range(3):
        moment = random.uniform(0.2, 12)
        print(f"killed after {moment:.2f} s")
        child = assay_serve(data, free_port, "--no-model")
        time.sleep(moment)
        kept += commit_a_row(data)
        child.kill()
        child.communicate()
        eventually(lambda: processes_of(data) == [])
    last = assay_serve(data, free_port, "--no-model")
    wait_until_ready(last, free_port)
    with psycopg.connect(locations.database_url(data)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (at timestamptz)")
        rows = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert rows == (kept,)


def commit_a_row(data: Path) -> int:
    """1 when the database was already there to commit to, else 0."""
    try:
        with psycopg.connect(locations.database_url(data)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (at timestamptz)")
            connection.execute("INSERT INTO kept VALUES (now())")
    except psycopg.OperationalError:
        return 0
    return 1


def test_kill_minus_nine_of_a_ready_tree_leaves_nothing_running(
    tmp_path, free_port, assay_serve, processes_of
):
    data = tmp_path / "data"
    child = assay_serve(data, free_port, "--workers", "2")
    wait_until_ready(child, free_port)
    child.kill()
    child.communicate()
    eventually(lambda: processes_of(data) == [])
    second = assay_serve(data, free_port)
    wait_until_ready(second, free_port)
    assert status(free_port) == 200


def test_it_runs_in_a_folder_too_deep_for_a_socket(tmp_path, free_port, assay_serve):
    data = tmp_path / ("deep" * 20) / ("folder with spaces " * 4)
    child = assay_serve(data, free_port, "--no-model")
    wait_until_ready(child, free_port)
    assert status(free_port) == 200
    sockets = locations.socket_folder(data)
    assert sockets.is_dir()
    child.terminate()
    assert child.wait(60) == 0
    assert not sockets.exists()


def test_it_runs_as_a_normal_user(free_port, home, ordinary_user, assay_serve, processes_of):
    user = ordinary_user(processes.NOBODY, "psycopg, redis, django, config.embedded.tree")
    data = home(user.uid) / "data"
    child = assay_serve(data, free_port, **user.options)
    wait_until_ready(child, free_port)
    assert status(free_port) == 200
    assert {path.stat().st_uid for path in data.iterdir()} == {user.uid}
    child.terminate()
    assert child.wait(60) == 0
    assert processes_of(data) == []
