"""Fixtures of every storey: real servers and what is left of processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded import folder, model, ports, postgres, processes
from config.embedded.supervisor import Supervisor


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback nobody uses at the moment."""
    return ports.free_port()


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
