"""How long after a rollback's answer the old version is still served, and clients have not heard.

`python benchmarks/rollback_propagation.py [CLIENTS]`. Three stories: four web workers with eight
watchers that look up without a pause; a thousand clients of the stream; the stream listener killed
under them while tags move. Each move alternates between two versions. The promises are 50 ms and
200 ms at p99. The floors are the time of one lookup, and a bare application that sends an event of
the same size to as many connections. Servers and clients share the machine's processors.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from running_assay import make_repository, serving
from sse_clients import SseClient, allow_many_files, until
from table import percentile, show

from config.embedded import ports
from config.serve import Tree

_MOVES, _WATCHERS, _WORKERS, _PROMPT = 60, 8, 4, "prompt-00000"
_CLIENTS, _TOLD_MOVES, _MOVES_WHILE_DOWN = 1_000, 40, 5


class Watcher(threading.Thread):
    """Remembers when each lookup began and which version it got."""

    def __init__(self, base_url: str, token: str) -> None:
        super().__init__(daemon=True)
        self.client = httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {token}"})
        self.seen: list[tuple[float, float, int]] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            began = time.perf_counter()
            version = self.client.get(f"/api/v1/prompts/{_PROMPT}").json()["version"]
            self.seen.append((began, time.perf_counter(), version))


def main(clients: int) -> None:
    allow_many_files()
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "repository"
        make_repository(repository, 5, 3)
        with serving(Path(scratch), repository, workers=_WORKERS) as (tree, token):
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=tree.base_url, headers=headers, timeout=60) as client:
                client.post("/api/v1/syncs", json={}).raise_for_status()
                _workers(tree, token, client)
                asyncio.run(_told(tree, token, client, clients))


def _workers(tree: Tree, token: str, client: httpx.Client) -> None:
    watchers = [Watcher(tree.base_url, token) for _ in range(_WATCHERS)]
    for watcher in watchers:
        watcher.start()
    moves = [_move(client, number) for number in range(_MOVES)]
    for watcher in watchers:
        watcher.is_over.set()
    for watcher in watchers:
        watcher.join()
    seen = sorted(entry for watcher in watchers for entry in watcher.seen)
    stale = [_stale(seen, answered, until, version) for answered, until, version in moves]
    lookups = [(done - began) * 1000 for began, done, _ in seen]
    rows = [
        ("one lookup (floor)", *_percentiles(lookups), ""),
        ("old version after the answer", *_percentiles(stale), "<= 50"),
    ]
    show(
        f"{_MOVES} moves, {_WATCHERS} watchers, {_WORKERS} web workers, {len(seen)} lookups",
        ("what", "p50 ms", "p99 ms", "goal p99"),
        rows,
    )


async def _told(tree: Tree, token: str, client: httpx.Client, count: int) -> None:
    with _bare() as url:
        floor = await _bare_fan_out(url, count)
    process = _worker_of(tree)
    before = process.memory_info().rss
    clients = [SseClient(f"{tree.stream_url}/api/v1/stream", token) for _ in range(count)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.follow()) for one in clients]
        await until(clients)
        each_kb = (process.memory_info().rss - before) / count / 1e3
        cpu = sum(process.cpu_times()[:2])
        late: list[float] = []
        for number in range(_TOLD_MOVES):
            answered, revision = await asyncio.to_thread(_answered, client, number)
            await until(clients, revision=revision)
            late += [
                max(0.0, (at - answered) * 1000)
                for one in clients
                for at, heard in one.heard[-1:]
                if heard == revision
            ]
        cpu = (sum(process.cpu_times()[:2]) - cpu) / (_TOLD_MOVES * count) * 1e6
        show(
            f"{_TOLD_MOVES} moves told to {count} clients of one stream process",
            ("what", "p50 ms", "p99 ms", "goal p99"),
            [
                ("bare application (floor)", *_percentiles(floor), ""),
                ("from the answer to the client", *_percentiles(late), "<= 200"),
            ],
        )
        print(f"{cpu:.0f} µs of processor time and {each_kb:.0f} kB a client\n")
        await _restart(tree, client, clients)
        for task in tasks:
            task.cancel()


async def _restart(tree: Tree, client: httpx.Client, clients: list[SseClient]) -> None:
    """Kill the stream listener, move tags while it is away, and see everybody come back."""
    before = {id(one): len(one.connected_at) for one in clients}
    killed = time.perf_counter()
    await asyncio.to_thread(tree.kill, "stream")
    for one in clients:
        one.is_connected = False
    revision = 0
    for number in range(_MOVES_WHILE_DOWN):
        _, revision = await asyncio.to_thread(_answered, client, number + _TOLD_MOVES)
    await until(clients, revision=revision)
    _, last = await asyncio.to_thread(_answered, client, _TOLD_MOVES + _MOVES_WHILE_DOWN)
    await until(clients, revision=last)
    heard = [[revision for _, revision in one.heard] for one in clients]
    back = sorted(at - killed for one in clients for at in one.connected_at[before[id(one)] :])
    peak = max(Counter(int(at * 10) for at in back).values())
    rows = [
        ("clients that saw an older revision", sum(one != sorted(set(one)) for one in heard), 0),
        ("clients that missed a move", sum(_has_gap(one) for one in heard), 0),
        ("clients told to begin anew", sum(one.resets for one in clients), 0),
        ("first back after, s", f"{back[0]:.1f}", ""),
        ("median back after, s", f"{percentile(back, 50):.1f}", ""),
        ("last back after, s", f"{back[-1]:.1f}", ""),
        ("most in 100 ms", peak, ""),
    ]
    title = f"the stream listener killed under {len(clients)} clients, {_MOVES_WHILE_DOWN} moves"
    show(f"{title} while it was away", ("what", "measured", "goal"), rows)


def _has_gap(revisions: list[int]) -> bool:
    return revisions != list(range(revisions[0], revisions[-1] + 1))


async def _bare_fan_out(url: str, count: int) -> list[float]:
    clients = [SseClient(f"{url}/", "") for _ in range(count)]
    spent = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.follow()) for one in clients]
        await until(clients)
        for number in range(1, _TOLD_MOVES + 1):
            await asyncio.to_thread(httpx.post, url, timeout=60)
            answered = time.perf_counter()
            await until(clients, revision=number)
            spent += [max(0.0, (one.heard[-1][0] - answered) * 1000) for one in clients]
        for task in tasks:
            task.cancel()
    return spent


@contextmanager
def _bare() -> Iterator[str]:
    port = ports.free_port()
    argv = [sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1", "--no-log"]
    argv += ["--port", str(port), "--backlog", "4096", "--backpressure", "65536"]
    argv += ["--loop", "asyncio", "--workers-kill-timeout", "1", "bare_sse:application"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent)}
    main = subprocess.Popen(argv, env=environment)
    try:
        while ports.listening_problem(ports.LOOPBACK, port) is None:
            time.sleep(0.05)
        yield f"http://{ports.LOOPBACK}:{port}"
    finally:
        main.terminate()
        main.wait()


def _worker_of(tree: Tree) -> psutil.Process:
    pid = tree.pid("stream")
    [worker] = psutil.Process(pid).children()
    return worker


def _percentiles(values: list[float]) -> tuple[str, str]:
    return f"{percentile(values, 50):.1f}", f"{percentile(values, 99):.1f}"


def _move(client: httpx.Client, number: int) -> tuple[float, float, int]:
    """Override or roll back; when it was answered, when the next may start, what is live now."""
    answer = _moved(client, number)
    answered = time.perf_counter()
    time.sleep(0.15)
    return answered, time.perf_counter(), answer["version"]


def _answered(client: httpx.Client, number: int) -> tuple[float, int]:
    """When a move was answered, and the registry's revision after it."""
    revision = _moved(client, number)["registry_revision"]
    return time.perf_counter(), revision


def _moved(client: httpx.Client, number: int) -> dict[str, int]:
    path = f"/api/v1/prompts/{_PROMPT}"
    if number % 2 == 0:
        body = {"version": 1, "reason": "benchmark"}
        answer = client.post(f"{path}/overrides", json=body)
    else:
        answer = client.post(f"{path}/rollbacks", json={"reason": "benchmark"})
    moved: dict[str, int] = answer.raise_for_status().json()
    return moved


def _stale(
    seen: list[tuple[float, float, int]], answered: float, until: float, version: int
) -> float:
    """Milliseconds after the answer at which the last lookup began that got another version.

    Lookups that were not done when the next move may have begun could rightly get the next version.
    """
    late = [
        began for began, done, got in seen if answered <= began and done <= until and got != version
    ]
    return max((began - answered) * 1000 for began in late) if late else 0.0


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else _CLIENTS)
