"""The lookup's fast path against a bare WSGI application and against the REST view.

`python benchmarks/lookup.py [PROMPTS] [SECONDS]`. One granian worker, 16 connections that are kept
open, a bearer token; prompts with 3 versions of 4 KB. The bare application returns one such body
and nothing else: what is left is the server. `mlflow server` with one worker answers its own alias
lookup, of which its client needs four more requests. At the end the same lookups while commits are
synced and an evaluation runs (`lookup_beside_work.py`). Clients and servers share the machine's
processors; the processor time of a lookup is the server process's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lookup_beside_work
import mlflow_server
import psutil
import pytest
from lookup_client import (
    BYTES,
    CONNECTIONS,
    VERSIONS,
    Measured,
    complete,
    filled,
    measure,
    once,
    run,
)
from own_database import own_database
from table import percentile, show

from config.embedded import ports

_HERE = Path(__file__).resolve().parent
_BARE = """
import os
BODY = b"x" * int(os.environ["BARE_BYTES"])
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [BODY]
"""


def main(prompts: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as scratch, own_database(Path(scratch) / "data"):
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
        # As an image has it: what is imported was compiled before.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = f"{scratch}/cache"
        run(environment, "-m", "django", "migrate", "--noinput")
        names, token = filled(environment, prompts)
        (Path(scratch) / "bare.py").write_text(_BARE)
        starts = {name: _start(environment, name) for name in ("wsgi", "asgi")}
        with _granian(environment, "config.wsgi:application", "/healthz") as (port, server):
            warm_mb = server.memory_info().rss / 1e6
            size = len(once(port, names[0], token))
            complete(port, names, token)
            full_mb = server.memory_info().rss / 1e6
            fast = measure(port, names, token, seconds, server)
            # A parameter it does not know: the fast path leaves it to the view.
            view = [f"{name}?via=view" for name in names]
            slow = measure(port, view, token, seconds, server)
        bare_environment = {**environment, "BARE_BYTES": str(size), "PYTHONPATH": scratch}
        with _granian(bare_environment, "bare:application", "/") as (port, server):
            bare = measure(port, names, token, seconds, server)
        with _granian(environment, "django_only:application", "/healthz") as (_, server):
            without_mb = server.memory_info().rss / 1e6
        theirs = _mlflow(Path(scratch), seconds)
    encoded_mb = prompts * VERSIONS * size / 1e6
    _table(prompts, bare, fast, slow, theirs)
    limit = 1.5 * encoded_mb + 120
    show(
        "the process",
        ("what", "measured", "goal"),
        [
            ("encoded answers", f"{encoded_mb:.0f} MB", ""),
            ("memory, all versions loaded", f"{full_mb:.0f} MB", f"<= {limit:.0f} MB"),
            ("of that the snapshot", f"{full_mb - without_mb:.0f} MB", ""),
            ("memory when it began to accept", f"{warm_mb:.0f} MB", ""),
            *[
                (f"cold start to ready, {listener}", f"{wall:.2f} s ({cpu:.2f} s busy)", "<= 3 s")
                for listener, (wall, cpu) in starts.items()
            ],
        ],
    )
    lookup_beside_work.main(prompts, seconds)


def _start(environment: dict[str, str], interface: str) -> tuple[float, float]:
    """Seconds until a listener is ready, and those of its worker's processor time."""
    for _ in ("compiles", "counts"):
        began = time.perf_counter()
        with _granian(environment, f"config.{interface}:application", "/healthz", interface) as (
            _,
            server,
        ):
            spent = time.perf_counter() - began, sum(server.cpu_times()[:2])
    return spent


def _mlflow(scratch: Path, seconds: float) -> Measured | None:
    """None, and it says why, where MLflow cannot be had."""
    try:
        with mlflow_server.serving(scratch, 100, VERSIONS, BYTES) as (port, paths, server):
            return measure(port, paths, "", seconds, server)
    except pytest.skip.Exception as error:
        print(f"mlflow server is left out: {error}")
        return None


def _table(
    prompts: int, bare: Measured, fast: Measured, slow: Measured, theirs: Measured | None
) -> None:
    measured = [("bare WSGI (floor)", bare), ("fast path", fast), ("REST view", slow)]
    measured += [("mlflow server, by alias", theirs)] if theirs else []
    rows = [
        (
            name,
            f"{m.rate:.0f}",
            f"{m.cpu:.0f}",
            *[f"{percentile(m.spent, p):.2f}" for p in (50, 99)],
        )
        for name, m in measured
    ]
    title = f"{prompts} prompts × {VERSIONS} versions × {BYTES} bytes, {CONNECTIONS} connections"
    show(title, ("lookup", "a second", "CPU µs", "p50 ms", "p99 ms"), rows)
    goals = [
        ("of the bare rate", f"{fast.rate / bare.rate:.2f}", ">= 0.6"),
        ("times the view's rate", f"{fast.rate / slow.rate:.1f}", ">= 10"),
        ("CPU µs a lookup", f"{fast.cpu:.0f}", "<= 70"),
        ("p99 ms", f"{percentile(fast.spent, 99):.2f}", "< 10"),
    ]
    if theirs:
        goals.append(("times mlflow's rate", f"{fast.rate / theirs.rate:.0f}", ">= 50"))
    show("the fast path", ("what", "measured", "goal"), goals)


@contextmanager
def _granian(
    environment: dict[str, str], application: str, path: str, interface: str = "wsgi"
) -> Iterator[tuple[int, psutil.Process]]:
    """A server with one worker that answers `path`; its port and its worker process."""
    port = ports.free_port()
    argv = [sys.executable, "-m", "granian", "--interface", interface, "--http", "1", "--no-log"]
    argv += ["--port", str(port), "--workers", "1", application]
    argv += ["--blocking-threads", "4"] if interface == "wsgi" else []
    pythonpath = os.pathsep.join([environment.get("PYTHONPATH", ""), str(_HERE), str(_HERE.parent)])
    main = subprocess.Popen(argv, env={**environment, "PYTHONPATH": pythonpath})
    try:
        while not ports.responds(ports.LOOPBACK, port, path):
            time.sleep(0.02)
        workers = psutil.Process(main.pid).children(recursive=True)
        yield port, max(workers, key=lambda process: process.memory_info().rss)
    finally:
        main.terminate()
        main.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000, float((sys.argv[2:] or ["10"])[0]))
