"""A data folder with running servers, and ways to look into them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import folder, locations, postgres, valkey
from config.embedded.supervisor import Supervisor
from tests.services import cluster_template

HOLD_SERVERS = Path(__file__).with_name("hold_servers.py")
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A prepared data folder with an initialised cluster (copied: initdb takes a second)."""
    data = folder.prepare(tmp_path / "data", postgres_major=postgres.major_version())
    shutil.copytree(cluster_template(), locations.postgres_folder(data))
    return data


@pytest.fixture
def reports() -> list[str]:
    """What the supervisor said."""
    return []


@pytest.fixture
def servers(data: Path, reports: list[str]) -> Iterator[Supervisor]:
    """PostgreSQL and Valkey, answering, with the database made."""
    with Supervisor(reports.append, os.environ) as supervisor:
        supervisor.start(postgres.service(data))
        supervisor.start(valkey.service(data))
        supervisor.wait("postgres")
        supervisor.wait("valkey")
        postgres.ensure_database(data)
        yield supervisor


@pytest.fixture
def sql() -> Callable[[Path, str], object]:
    """Run one statement in the `assay` database of a folder; the first value of its answer."""

    def run(data: Path, statement: str) -> object:
        with psycopg.connect(locations.database_url(data)) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    return run


@pytest.fixture
def valkey_says() -> Callable[[Path, str], str]:
    """Send one inline command to the Valkey of a folder."""

    def say(data: Path, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(locations.socket_folder(data) / locations.VALKEY_SOCKET))
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(1000).decode()

    return say


@pytest.fixture
def hold_servers(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start servers in a process of their own, which a test may kill. `before` is put in front."""
    started: list[subprocess.Popen[str]] = []

    def start(
        data: Path, *, before: list[str] | None = None, python: str = sys.executable, **options
    ) -> subprocess.Popen[str]:
        argv = [*(before or []), python, str(HOLD_SERVERS), str(data)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        environment |= options.pop("environment", {})
        child = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **options,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()
