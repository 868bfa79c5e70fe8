"""A large repository: how long a sync takes, how fast lookups are, how much memory the web uses.

`python benchmarks/registry_size.py [PROMPTS] [VERSIONS]`; the floor of a sync is reading the same
blobs with `git cat-file`, that of a lookup is `/healthz` (one SELECT) on the same server.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
from running_assay import git, make_repository, serving
from table import percentile, show

_LOOKUPS, _THREADS = 3000, 4


def main(prompts: int, versions: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "repository"
        make_repository(repository, prompts, versions)
        with serving(Path(scratch), repository) as (tree, token):
            client = httpx.Client(
                base_url=tree.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=600
            )
            rows = [("git cat-file of every blob (floor)", f"{_git_floor(repository):.2f} s")]
            rows.append(("first sync", f"{_sync(client, 'applied'):.2f} s"))
            rows.append(("sync without a change", f"{_sync(client, 'unchanged'):.2f} s"))
            added = repository / "prompts" / "prompt-00000" / f"v{versions + 1}.jinja2"
            added.write_text("One more.\n")
            git(repository, "add", "-A")
            git(repository, "commit", "-q", "-m", "One version.")
            rows.append(("sync of a one-file commit", f"{_sync(client, 'applied'):.2f} s"))
            rows.append(("web worker memory after it", f"{_web_memory(tree):.0f} MB"))
            show(f"{prompts} prompts × {versions} versions", ("what", "measured"), rows)
            names = [f"/api/v1/prompts/prompt-{n:05}" for n in range(prompts)]
            timings = [
                ("/healthz (floor)", _timed(tree.base_url, token, ["/healthz"])),
                ("lookup by tag", _timed(tree.base_url, token, names)),
            ]
            show(
                f"{_LOOKUPS} requests, {_THREADS} threads, one web worker",
                ("request", "p50 ms", "p99 ms", "a second"),
                [
                    (name, f"{percentile(t, 50):.2f}", f"{percentile(t, 99):.2f}", f"{rate:.0f}")
                    for name, (t, rate) in timings
                ],
            )
            print(f"web worker memory after the lookups: {_web_memory(tree):.0f} MB")


def _git_floor(repository: Path) -> float:
    started = time.perf_counter()
    subprocess.run(
        "git ls-tree -r --object-only HEAD | git cat-file --batch",
        shell=True,
        cwd=repository,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


def _sync(client: httpx.Client, expected: str) -> float:
    started = time.perf_counter()
    answer = client.post("/api/v1/syncs", json={}).raise_for_status().json()
    assert answer["status"] == expected, answer
    return time.perf_counter() - started


def _timed(base_url: str, token: str, paths: list[str]) -> tuple[list[float], float]:
    headers = {"Authorization": f"Bearer {token}"}

    def some(seed: int) -> list[float]:
        chance, spent = random.Random(seed), []
        with httpx.Client(base_url=base_url, headers=headers) as client:
            for _ in range(_LOOKUPS // _THREADS):
                path = chance.choice(paths)
                started = time.perf_counter()
                client.get(path).raise_for_status()
                spent.append((time.perf_counter() - started) * 1000)
        return spent

    started = time.perf_counter()
    with ThreadPoolExecutor(_THREADS) as pool:
        spent = [value for part in pool.map(some, range(_THREADS)) for value in part]
    return spent, len(spent) / (time.perf_counter() - started)


def _web_memory(tree: object) -> float:
    main_process = psutil.Process(tree.pid("web"))  # type: ignore[attr-defined]
    processes = [main_process, *main_process.children(recursive=True)]
    return max(process.memory_info().rss for process in processes) / 1e6


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:3]] or (2000, 3))
