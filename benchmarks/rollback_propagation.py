"""How long after a rollback's answer a lookup can still get the old version, in every worker.

Four web workers, eight watchers that look up without a pause; each move alternates between two
versions. The promise is 50 ms at p99. The floor is the time of one lookup.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import httpx
from running_assay import make_repository, serving
from table import percentile, show

_MOVES, _WATCHERS, _WORKERS, _PROMPT = 60, 8, 4, "prompt-00000"


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


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "repository"
        make_repository(repository, 5, 3)
        with serving(Path(scratch), repository, workers=_WORKERS) as (tree, token):
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=tree.base_url, headers=headers, timeout=60) as client:
                client.post("/api/v1/syncs", json={}).raise_for_status()
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
        ("one lookup (floor)", f"{percentile(lookups, 50):.1f}", f"{percentile(lookups, 99):.1f}"),
        ("old version after the answer", *[f"{percentile(stale, p):.1f}" for p in (50, 99)]),
    ]
    show(
        f"{_MOVES} moves, {_WATCHERS} watchers, {_WORKERS} web workers, {len(seen)} lookups",
        ("what", "p50 ms", "p99 ms"),
        rows,
    )


def _move(client: httpx.Client, number: int) -> tuple[float, float, int]:
    """Override or roll back; when it was answered, when the next may start, what is live now."""
    path = f"/api/v1/prompts/{_PROMPT}"
    if number % 2 == 0:
        body = {"version": 1, "reason": "benchmark"}
        answer = client.post(f"{path}/overrides", json=body)
    else:
        answer = client.post(f"{path}/rollbacks", json={"reason": "benchmark"})
    answered = time.perf_counter()
    version = answer.raise_for_status().json()["version"]
    time.sleep(0.15)
    return answered, time.perf_counter(), version


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
    main()
