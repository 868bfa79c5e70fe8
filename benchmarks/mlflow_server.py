"""`mlflow server` with prompts in it, to compare lookups with: one worker, its default SQLite."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.embedded import ports
from tests.acceptance.dialects.environments import environment_of, python_with

_API = "/api/2.0/mlflow"
_IS_PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}


@contextmanager
def serving(
    scratch: Path, prompts: int, versions: int, size: int
) -> Iterator[tuple[int, list[str], psutil.Process]]:
    """Its port, the paths of what `@stable` is, and its worker process.

    `prompts` are fewer than ours: each takes it five requests to make.
    """
    python = python_with("mlflow-server")
    port = ports.free_port()
    store = f"sqlite:///{scratch / 'mlflow.db'}"
    argv = [python, "-m", "mlflow", "server", "--host", ports.LOOPBACK, "--port", str(port)]
    argv += ["--workers", "1", "--backend-store-uri", store, "--registry-store-uri", store]
    environment = environment_of({"MLFLOW_ENABLE_TELEMETRY": "false", "DO_NOT_TRACK": "true"})
    with (scratch / "mlflow.log").open("wb") as log:
        main = subprocess.Popen(
            [str(word) for word in argv], cwd=scratch, env=environment, stdout=log, stderr=log
        )
    try:
        while not ports.responds(ports.LOOPBACK, port, "/health"):
            assert main.poll() is None, (scratch / "mlflow.log").read_text()
            time.sleep(0.2)
        paths = [_filled(port, f"prompt-{number:05}", versions, size) for number in range(prompts)]
        processes = [psutil.Process(main.pid), *psutil.Process(main.pid).children(recursive=True)]
        yield port, paths, _busiest(port, paths[0], processes)
    finally:
        for child in psutil.Process(main.pid).children(recursive=True):
            child.terminate()
        main.terminate()
        main.wait()


def _filled(port: int, name: str, versions: int, size: int) -> str:
    _post(port, "registered-models/create", {"name": name, "tags": [_IS_PROMPT]})
    text = {"key": "mlflow.prompt.text", "value": (f"You are {name}. " * size)[:size]}
    for _ in range(versions):
        version = {"name": name, "source": "dummy-source", "tags": [_IS_PROMPT, text]}
        _post(port, "model-versions/create", version)
    stable = {"name": name, "alias": "stable", "version": str(versions)}
    _post(port, "registered-models/alias", stable)
    return f"{_API}/registered-models/alias?name={name}&alias=stable"


def _post(port: int, route: str, body: dict[str, object]) -> None:
    request = urllib.request.Request(
        f"http://{ports.LOOPBACK}:{port}{_API}/{route}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{route}: {error.read().decode()}") from error


def _busiest(port: int, path: str, processes: list[psutil.Process]) -> psutil.Process:
    """The process that answers: the one that worked most while a hundred were asked."""
    before = {one: sum(one.cpu_times()[:2]) for one in processes}
    for _ in range(100):
        urllib.request.urlopen(f"http://{ports.LOOPBACK}:{port}{path}", timeout=60).close()
    return max(processes, key=lambda one: sum(one.cpu_times()[:2]) - before[one])
