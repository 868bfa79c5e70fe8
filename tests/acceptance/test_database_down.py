"""PostgreSQL goes away under load: lookups go on, writes say when to come back, nobody restarts."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from assay.target import Target
from tests.acceptance.conftest import Platform, platform

pytestmark = pytest.mark.slow
PROMPT = "/api/v1/prompts/sentiment"
_DOWN_SECONDS = 30


@dataclass
class Watch:
    """Lookups without a pause, from some threads."""

    url: str
    token: str
    is_over: threading.Event = field(default_factory=threading.Event)
    seen: list[httpx.Response] = field(default_factory=list)

    def run(self) -> None:
        with self.client() as client:
            while not self.is_over.is_set():
                self.seen.append(client.get(PROMPT))

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)


@contextmanager
def watching(whole: Platform) -> Iterator[Watch]:
    watch = Watch(whole.tree.base_url, whole.token)
    threads = [threading.Thread(target=watch.run) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        watch.is_over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Platform]:
    """A tree whose `sentiment` is at v2 by override, after v1. Nobody asks its model anything."""
    with platform(tmp_path, model_url="http://127.0.0.1:9/v1") as whole:
        with whole.client() as client:
            client.sync()
            client.override(Target("sentiment", 2, model="smollm2"), reason="test")
        yield whole


def _until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def _is_stale(client: httpx.Client) -> bool:
    return "Assay-Stale" in client.get(PROMPT).headers


def test_the_database_is_stopped_under_load(live: Platform) -> None:
    with watching(live) as watch, watch.client() as client:
        pid = live.tree.pid("web")
        live.tree.stop_service("postgres")
        _until(lambda: _is_stale(client))
        refused = client.post(f"{PROMPT}/rollbacks", json={"reason": "test"})
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        time.sleep(_DOWN_SECONDS)
        stale = client.get(PROMPT)
        assert stale.json()["version"] == 2
        assert int(stale.headers["Assay-Stale"]) >= _DOWN_SECONDS - 2
        assert stale.headers["Cache-Control"] == "no-store"
        live.tree.start_service("postgres")
        _until(lambda: not _is_stale(client))
        moved = client.post(f"{PROMPT}/rollbacks", json={"reason": "test"})
        assert moved.status_code == 201
        assert client.get(PROMPT).json()["version"] == 1
        assert live.tree.pid("web") == pid
    assert {answer.status_code for answer in watch.seen} == {200}
    assert any("Assay-Stale" in answer.headers for answer in watch.seen)


def test_a_database_that_hangs_is_as_good_as_down(live: Platform) -> None:
    with watching(live) as watch, watch.client() as client:
        assert client.get(PROMPT).status_code == 200
        with _frozen(live):
            _until(lambda: _is_stale(client))
            began = time.monotonic()
            assert client.get(PROMPT).json()["version"] == 2
            assert time.monotonic() - began < 5
        _until(lambda: not _is_stale(client))
        client.post(f"{PROMPT}/rollbacks", json={"reason": "test"}).raise_for_status()
        assert client.get(PROMPT).json()["version"] == 1
    assert {answer.status_code for answer in watch.seen} == {200}


@contextmanager
def _frozen(whole: Platform) -> Iterator[None]:
    """PostgreSQL and its sessions get no processor."""
    main = whole.tree.pid("postgres")
    assert main is not None
    everyone = [main, *_children(main)]
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(one) for one in (task / "children").read_text().split()]
    return found
