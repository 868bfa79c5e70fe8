"""Fixtures of every storey: real servers and what is left of processes."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from config.embedded import folder, model, ports, postgres, processes
from config.embedded.supervisor import Supervisor

AS_ROOT = os.geteuid() == 0
_FIRST_PORT, _PORTS = 20_000, 12_000
# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback nobody uses, nor the one after it, where the stream listener goes.

    Below those that the system gives to outgoing connections, which would take either before long,
    and by chance that no seed repeats: another test may look for one at the same time.
    """
    while True:
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        if not any(ports.listening_problem(ports.LOOPBACK, port + more) for more in (0, 1)):
            return port


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """What hostile texts left in a log must not end a run whose processes send reports."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_sendable(one) for one in value)
    return value


@pytest.fixture(scope="session")
def demo_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a real llama.cpp server with SmolLM2, served as `smollm2`; started once."""
    if given := os.environ.get("ASSAY_MODEL_DEMO_URL"):
        yield given
        return
    home = tmp_path_factory.mktemp("model")
    data = folder.prepare(home, postgres_major=postgres.major_version())
    url = model.base_url(ports.free_port())
    with Supervisor(print, {**os.environ, "PYTHONSAFEPATH": "1"}) as supervisor:
        supervisor.start(model.service(data, url))
        supervisor.wait("model")
        yield url


@dataclass(frozen=True)
class Ordinary:
    """How to run a program as a user who is not root, and whose files that user makes."""

    options: dict[str, Any]
    uid: int


@pytest.fixture(scope="session")
def ordinary_user() -> Callable[[int, str], Ordinary]:
    """How to run a program that imports these modules as the user with this number."""
    return _ordinary_user


@pytest.fixture
def home() -> Iterator[Callable[[int], Path]]:
    """Make a private folder for a user. Not in tmp_path: pytest lets only its own user in there."""
    made: list[Path] = []

    def make(uid: int) -> Path:
        path = Path(tempfile.mkdtemp(prefix="assay-home-"))
        made.append(path)
        if AS_ROOT:
            os.chown(path, uid, uid)
        return path

    yield make
    for path in made:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def processes_of() -> Callable[[Path], list[str]]:
    """The command lines of all processes that belong to a data folder, however deep in the tree."""
    return _processes_of


def _processes_of(data: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            traces = _traces(process)
            if str(data) in traces and processes.is_running(int(process.name)):
                found.append(f"{process.name} {traces[:200]}")
    return found


def _traces(process: Path) -> str:
    """Command line, working folder and environment: PostgreSQL overwrites all but the second."""
    try:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        environment = (process / "environ").read_bytes().decode(errors="replace")
        return f"{command} {(process / 'cwd').readlink()} {environment}"
    except OSError:
        return ""


def _ordinary_user(uid: int, modules: str) -> Ordinary:
    """Another user if root runs the tests and that user can reach a Python; else a user namespace,
    where the process is that user and keeps root's reach. A normal user is ordinary already."""
    if not AS_ROOT:
        return Ordinary({}, os.geteuid())
    become = {"user": uid, "group": uid, "extra_groups": []}
    if python := next(filter(lambda python: _can_run(python, modules, become), _pythons()), None):
        return Ordinary({"python": python, **become}, uid)
    return Ordinary({"before": ["unshare", "--user", f"--map-user={uid}"]}, 0)


def _pythons() -> Iterator[str]:
    """This Python, and the system's of the same version: this one may lie in /root."""
    yield sys.executable
    name = f"python3.{sys.version_info.minor}"
    if system := shutil.which(name, path="/usr/local/bin:/usr/bin"):
        yield system


def _can_run(python: str, modules: str, become: dict[str, Any]) -> bool:
    program = [python, "-c", f"import {modules}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(program, env=environment, capture_output=True, check=False, **become)
    except PermissionError:
        return False
    return done.returncode == 0
