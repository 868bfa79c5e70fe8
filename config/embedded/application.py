"""Assay's own processes as services: web, stream, worker, beat, and what runs once before them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from config.embedded import locations, ports, processes
from config.embedded.folder import bounded_log
from config.embedded.service import Service, failure

# Where the packages lie; granian would look into the caller's working folder first.
_ROOT = Path(__file__).resolve().parents[2]
_HEALTH = "/healthz"


def web(data: Path, host: str, port: int, workers: int) -> Service:
    """The web server: granian on WSGI, where Django costs a fourth of what it does on ASGI."""
    options = ["--interface", "wsgi", "--workers", str(workers), "--blocking-threads", "4"]
    return _granian(data, "web", host, port, [*options, "config.wsgi:application"])


def stream(data: Path, host: str, port: int) -> Service:
    """The stream server: granian on ASGI, for connections that stay open."""
    # A request is one for as long as it lasts; the application limits the clients itself.
    options = ["--interface", "asgi", "--workers", "1", "--loop", "asyncio"]
    options += ["--backlog", "4096", "--backpressure", "65536"]
    return _granian(data, "stream", host, port, [*options, "config.asgi:application"])


def _granian(data: Path, name: str, host: str, port: int, options: list[str]) -> Service:
    argv = [sys.executable, "-m", "granian", "--http", "1", "--host", host, "--port", str(port)]
    argv += ["--respawn-failed-workers", "--workers-kill-timeout", "3"]
    argv += ["--working-dir", str(_ROOT), *options]
    return Service(
        name=name,
        argv=tuple(argv),
        log=locations.log_folder(data) / f"{name}.log",
        answers=lambda _pid: ports.responds(reachable(host), port, _HEALTH),
    )


def reachable(host: str) -> str:
    """An address of this machine that leads to a server listening on `host`."""
    return {"0.0.0.0": ports.LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - compared only


def worker(data: Path, processes_at_once: int) -> Service:
    """The Celery worker. A stop waits some seconds for running tasks; runs resume anyway."""
    options = ["--concurrency", str(processes_at_once), "--prefetch-multiplier", "1"]
    # One worker: nobody to gossip with, and asking costs a second at every start.
    options += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return _celery(data, "worker", options)


def beat(data: Path) -> Service:
    """The Celery scheduler."""
    return _celery(data, "beat", ["--schedule", str(data / "beat-schedule"), "--loglevel", "INFO"])


def _celery(data: Path, name: str, options: list[str]) -> Service:
    ready = locations.state_folder(data) / f"{name}.ready"
    program = [sys.executable, "-m", "config.embedded.celery_process", str(ready), name]
    return Service(
        name=name,
        argv=(*program, *options),
        log=locations.log_folder(data) / f"{name}.log",
        answers=lambda pid: _said_ready(ready, pid),
    )


def _said_ready(file: Path, pid: int) -> bool:
    try:
        return file.read_text(encoding="ascii") == str(pid)
    except OSError:
        return False


def run_once(data: Path, name: str, module: list[str], environment: Mapping[str, str]) -> str:
    """Run `python -m module…` to its end and return what it printed.

    A failure is ServiceFailedError with the end of `<data>/logs/<name>.log`.
    """
    launcher = processes.launcher(signal.SIGKILL)
    log_file = bounded_log(locations.log_folder(data) / f"{name}.log")
    with log_file.open("ab") as log:
        done = subprocess.run(
            [*launcher, sys.executable, "-m", *module],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(environment),
            check=False,
            start_new_session=True,
        )
    if done.returncode != 0:
        raise failure(name, "failed", log_file)
    return done.stdout.decode("utf-8", errors="replace")
