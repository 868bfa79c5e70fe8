"""Lookups over connections that are kept open, and the registry that they are made of."""

from __future__ import annotations

import itertools
import json
import random
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from config.embedded import ports

VERSIONS, BYTES, CONNECTIONS = 3, 4096, 16
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
  "'name', p.name, 'number', v, 'path', 'prompts/' || p.name || '/v' || v || '.jinja2', "
  "'variables', '{\\"ticket\\": {\\"type\\": \\"string\\"}}'::jsonb, 'parameters', "
  "'{\\"temperature\\": 0}'::jsonb, 'source', t.text), t.text, now() FROM registry_prompt p, "
  "generate_series(1, %s) v, LATERAL (SELECT left((SELECT string_agg(md5(p.name || v || g), ' ') "
  "FROM generate_series(1, %s / 32) g), %s) AS text) t WHERE p.name LIKE 'prompt-%%'",
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
print(access.create_token(name="lookups", scopes=["lookup"], created_by="bench")[1])
"""


@dataclass(frozen=True)
class Measured:
    """One row: lookups a second, processor microseconds for each, milliseconds of each."""

    rate: float
    cpu: float
    spent: list[float]


def filled(environment: Mapping[str, str], prompts: int) -> tuple[list[str], str]:
    """Make prompts in an empty registry; the paths of their lookups, and a token that may."""
    token = run(environment, "-c", _FILL, *map(str, (prompts, VERSIONS, BYTES))).strip()
    return [f"/api/v1/prompts/prompt-{number:05}" for number in range(prompts)], token


def run(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=dict(environment),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def _request(path: str, token: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


def once(port: int, path: str, token: str) -> bytes:
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


def complete(port: int, names: Sequence[str], token: str) -> None:
    """Wait until old versions are answered without the database: all texts are there then."""
    while True:
        began = time.perf_counter()
        for name in random.sample(names, min(200, len(names))):
            body = json.loads(once(port, f"{name}?version=1", token))
            assert body["version"] == 1
        time.sleep(1)
        if (time.perf_counter() - began - 1) / min(200, len(names)) < 0.002:
            return


def measure(
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
        for _ in range(CONNECTIONS):
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
