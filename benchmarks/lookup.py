"""The lookup's fast path against a bare WSGI application and against the REST view.

`python benchmarks/lookup.py [PROMPTS] [SECONDS]`. One granian worker, 16 connections that are kept
open, a bearer token; prompts with 3 versions of 4 KB. The bare application returns one such body
and nothing else: what is left is the server. `mlflow server` with one worker answers its own alias
lookup, of which its client needs four more requests. Clients and server share the machine's
processors; the processor time of a lookup is the server process's own.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow_server
import psutil
import pytest
from own_database import own_database
from table import percentile, show

from config.embedded import ports

_VERSIONS, _BYTES, _CONNECTIONS = 3, 4096, 16
_HERE = Path(__file__).resolve().parent
_BARE = """
import os
BODY = b"x" * int(os.environ["BARE_BYTES"])
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [BODY]
"""
_FILL = """
import json, os, sys
import django
django.setup()
from django.db import connection
from registry import access
prompts, versions, size = (int(word) for word in sys.argv[1:4])
sql = [
  "INSERT INTO registry_prompt (name, description, owners, suites, gate, default_model, "
  "suite_digest, orphaned, created_at) SELECT 'prompt-' || lpad(n::text, 5, '0'), '', '{}', '{}', "
  "'', '', '', false, now() FROM generate_series(0, %s - 1) n",
  "INSERT INTO registry_promptversion (prompt_id, number, digest, commit, blob, path, content, "
  "template, published_at) SELECT p.id, v, md5(p.name || v) || md5(p.name), repeat('c', 40), "
  "md5(p.name || v) || 'bbbbbbbb', 'prompts/' || p.name, jsonb_build_object('type', 'text', "
  "'variables', '{\\"ticket\\": {\\"type\\": \\"string\\"}}'::jsonb, 'parameters', "
  "'{\\"temperature\\": 0}'::jsonb, 'source', t.text), t.text, now() FROM registry_prompt p, "
  "generate_series(1, %s) v, LATERAL (SELECT left((SELECT string_agg(md5(p.name || v || g), ' ') "
  "FROM generate_series(1, %s / 32) g), %s) AS text) t",
  "INSERT INTO registry_tagevent (prompt_id, tag, sequence, kind, version_id, actor, role, reason, "
  "commit, registry_revision, created_at) SELECT prompt_id, 'stable', 1, 'adopted', id, 'bench', "
  "'admin', '', commit, row_number() OVER (), now() FROM registry_promptversion WHERE number = %s",
  "INSERT INTO registry_tag (prompt_id, name, event_id, revision) SELECT prompt_id, tag, id, 1 "
  "FROM registry_tagevent",
  "ANALYZE",
]
with connection.cursor() as cursor:
    for statement, values in zip(sql, [[prompts], [versions, size, size], [versions], [], []]):
        cursor.execute(statement, values)
print(access.create_token(name="bench", scopes=["lookup"], created_by="bench")[1])
"""


@dataclass(frozen=True)
class Measured:
    """One row: lookups a second, processor microseconds for each, milliseconds of each."""

    rate: float
    cpu: float
    spent: list[float]


def main(prompts: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as scratch, own_database(Path(scratch) / "data"):
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
        # As an image has it: what is imported was compiled before.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = f"{scratch}/cache"
        _run(environment, "-m", "django", "migrate", "--noinput")
        token = _run(environment, "-c", _FILL, *map(str, (prompts, _VERSIONS, _BYTES))).strip()
        names = [f"/api/v1/prompts/prompt-{number:05}" for number in range(prompts)]
        (Path(scratch) / "bare.py").write_text(_BARE)
        starts = {name: _start(environment, name) for name in ("wsgi", "asgi")}
        with _granian(environment, "config.wsgi:application", "/healthz") as (port, server):
            warm_mb = server.memory_info().rss / 1e6
            size = len(_once(port, names[0], token))
            _complete(port, names, token)
            full_mb = server.memory_info().rss / 1e6
            fast = _measure(port, names, token, seconds, server)
            # A parameter it does not know: the fast path leaves it to the view.
            view = [f"{name}?via=view" for name in names]
            slow = _measure(port, view, token, seconds, server)
        bare_environment = {**environment, "BARE_BYTES": str(size), "PYTHONPATH": scratch}
        with _granian(bare_environment, "bare:application", "/") as (port, server):
            bare = _measure(port, names, token, seconds, server)
        with _granian(environment, "django_only:application", "/healthz") as (_, server):
            without_mb = server.memory_info().rss / 1e6
        theirs = _mlflow(Path(scratch), seconds)
    encoded_mb = prompts * _VERSIONS * size / 1e6
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
        with mlflow_server.serving(scratch, 100, _VERSIONS, _BYTES) as (port, paths, server):
            return _measure(port, paths, "", seconds, server)
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
    title = f"{prompts} prompts × {_VERSIONS} versions × {_BYTES} bytes, {_CONNECTIONS} connections"
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


def _run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


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


def _request(path: str, token: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


def _once(port: int, path: str, token: str) -> bytes:
    with socket.create_connection((ports.LOOPBACK, port)) as connection:
        connection.sendall(_request(path, token))
        return _answer(connection)


def _answer(connection: socket.socket) -> bytes:
    """The body of one answer, which must be 200."""
    received = connection.recv(65536)
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += connection.recv(65536)
    head = received[:end].lower()
    assert head.startswith(b"http/1.1 200"), received
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(received) < end + 4 + length:
        received += connection.recv(65536)
    return received[end + 4 :]


def _complete(port: int, names: Sequence[str], token: str) -> None:
    """Wait until old versions are answered without the database: all texts are there then."""
    while True:
        began = time.perf_counter()
        for name in random.sample(names, min(200, len(names))):
            body = json.loads(_once(port, f"{name}?version=1", token))
            assert body["version"] == 1
        time.sleep(1)
        if (time.perf_counter() - began - 1) / min(200, len(names)) < 0.002:
            return


def _measure(
    port: int, paths: Sequence[str], token: str, seconds: float, server: psutil.Process
) -> Measured:
    """Keep all connections busy for a while. A short run before it does not count."""
    requests = [_request(path, token) for path in random.Random(1).sample(paths, len(paths))]
    _drive(port, requests, min(1.0, seconds))
    before, began = sum(server.cpu_times()[:2]), time.perf_counter()
    spent = _drive(port, requests, seconds)
    wall = time.perf_counter() - began
    cpu = sum(server.cpu_times()[:2]) - before
    return Measured(len(spent) / wall, cpu / len(spent) * 1e6, spent)


def _drive(port: int, requests: Sequence[bytes], seconds: float) -> list[float]:
    """Milliseconds of every answer within `seconds`."""
    following, spent = itertools.cycle(requests), []
    with selectors.DefaultSelector() as selector:
        began: dict[socket.socket, float] = {}
        for _ in range(_CONNECTIONS):
            connection = socket.create_connection((ports.LOOPBACK, port))
            selector.register(connection, selectors.EVENT_READ)
            began[connection] = time.perf_counter()
            connection.sendall(next(following))
        until = time.perf_counter() + seconds
        while (now := time.perf_counter()) < until:
            for key, _ in selector.select(1):
                connection = key.fileobj  # type: ignore[assignment]
                _answer(connection)
                now = time.perf_counter()
                spent.append((now - began[connection]) * 1000)
                began[connection] = now
                connection.sendall(next(following))
        for connection in began:
            _answer(connection)
            connection.close()
    return spent


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000, float((sys.argv[2:] or ["10"])[0]))
