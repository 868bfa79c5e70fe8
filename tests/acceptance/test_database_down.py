"""PostgreSQL goes away under load: reads go on, writes say when to come back, nobody restarts."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from assay.target import Target
from tests.acceptance.conftest import Platform, platform
from tests.integration.stream.listener import Client as StreamClient

pytestmark = pytest.mark.slow
PROMPT = "/api/v1/prompts/sentiment"
_DOWN_SECONDS = 30
#: How long a process may answer from what it knew (decision 7), with room for a busy machine.
_LEASE_SECONDS = 0.1


@dataclass(frozen=True)
class Asked:
    """What an application asks for, of which listener, and where the version is in the answer."""

    path: str
    version: Callable[[Any], Any]
    body: dict[str, Any] | None = None
    is_of_stream: bool = False

    def send(self, client: httpx.Client) -> httpx.Response:
        if self.body is None:
            return client.get(self.path)
        return client.post(self.path, json=self.body)


def _version(answer: Any) -> Any:
    return answer["version"]


LOOKUP = Asked(PROMPT, _version)
#: Both listeners' lookups, and one read by each kind of client. LiteLLM's is pinned, so it stays.
EVERYBODY = (
    LOOKUP,
    Asked(PROMPT, _version, is_of_stream=True),
    Asked("/api/public/v2/prompts/sentiment", _version),
    Asked("/api/v1/bundle", lambda said: _of_sentiment(said["prompts"])["version"]),
    Asked(
        "/api/v1/prompts:batch",
        lambda said: said["items"][0]["prompt"]["version"],
        {"items": [{"name": "sentiment"}]},
    ),
    Asked(
        "/api/2.0/mlflow/registered-models/alias?name=sentiment&alias=stable",
        lambda said: int(said["model_version"]["version"]),
    ),
    Asked(
        "/ofrep/v1/evaluate/flags/prompt.sentiment", lambda said: said["metadata"]["version"], {}
    ),
    Asked(
        "/ofrep/v1/evaluate/flags",
        lambda said: _of_sentiment([flag["value"] for flag in said["flags"]])["version"],
        {},
    ),
)
PINNED = Asked(
    "/beta/litellm_prompt_management?prompt_id=sentiment@v2",
    lambda said: int(said["prompt_id"].partition("@v")[2]),
)


def _of_sentiment(found: list[Any]) -> Any:
    return next(one for one in found if one["name"] == "sentiment")


@dataclass
class Watch:
    """Each question asked without a pause, by a thread of its own."""

    whole: Platform
    is_over: threading.Event = field(default_factory=threading.Event)
    seen: list[httpx.Response] = field(default_factory=list)

    def run(self, asked: Asked) -> None:
        with self.client(asked) as client:
            while not self.is_over.is_set():
                self.seen.append(asked.send(client))
                # Two processors are shared with the servers.
                time.sleep(0.01)

    def client(self, asked: Asked = LOOKUP) -> httpx.Client:
        tree = self.whole.tree
        url = tree.stream_url if asked.is_of_stream else tree.base_url
        headers = {"Authorization": f"Bearer {self.whole.token}"}
        return httpx.Client(base_url=url, headers=headers, timeout=20)

    def versions(self, questions: Sequence[Asked] = EVERYBODY) -> list[tuple[Any, bool]]:
        """What each question is answered, and whether that is said to be old."""
        found = []
        for asked in questions:
            with self.client(asked) as client:
                answer = asked.send(client)
            assert answer.status_code == 200, (asked.path, answer.text)
            found.append((asked.version(answer.json()), "Assay-Stale" in answer.headers))
        return found


@contextmanager
def watching(whole: Platform, questions: Sequence[Asked] = (LOOKUP,) * 3) -> Iterator[Watch]:
    watch = Watch(whole)
    threads = [threading.Thread(target=watch.run, args=(asked,)) for asked in questions]
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
    """Two web workers; `sentiment` is at v2 by override, after v1. Nobody asks its model."""
    with platform(tmp_path, model_url="http://127.0.0.1:9/v1", workers=2) as whole:
        with whole.client() as client:
            client.sync()
            client.override(Target("sentiment", 2, model="smollm2"), reason="test")
        yield whole


def _everyone(whole: Platform) -> dict[str, tuple[int | None, list[int]]]:
    """The processes of both listeners, their workers included."""
    pids = {name: whole.tree.pid(name) for name in ("web", "stream")}
    return {name: (pid, sorted(_children(pid)) if pid else []) for name, pid in pids.items()}


def _listener(whole: Platform, last_id: str = "") -> StreamClient:
    port = httpx.URL(whole.tree.stream_url).port
    assert port
    resumed = {"last-event-id": last_id} if last_id else {}
    headers = {"host": "127.0.0.1", **resumed}
    return StreamClient(port, f"Bearer {whole.token}", headers=headers).begin()


def _until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def _is_stale(client: httpx.Client) -> bool:
    return "Assay-Stale" in client.get(PROMPT).headers


def test_the_database_is_stopped_under_load(live: Platform) -> None:
    before = _everyone(live)
    with watching(live, (*EVERYBODY, PINNED)) as watch, watch.client() as client:
        stays, leaves = _listener(live), _listener(live)
        assert set(watch.versions()) == {(2, False)}
        live.tree.stop_service("postgres")
        _until(lambda: set(watch.versions((*EVERYBODY, PINNED))) == {(2, True)})
        leaves.close()
        comes_back = _listener(live, leaves.last_id)
        for path in (f"{PROMPT}/rollbacks", f"{PROMPT}/overrides"):
            refused = client.post(path, json={"version": 1, "reason": "test"})
            assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
            assert int(refused.headers["Retry-After"]) > 0
        time.sleep(_DOWN_SECONDS)
        stale = client.get(PROMPT)
        assert stale.json()["version"] == 2
        assert int(stale.headers["Assay-Stale"]) >= _DOWN_SECONDS - 2
        assert stale.headers["Cache-Control"] == "no-store"
        live.tree.start_service("postgres")
        _until(lambda: set(watch.versions((*EVERYBODY, PINNED))) == {(2, False)})
        moved = client.post(f"{PROMPT}/rollbacks", json={"reason": "test"})
        assert moved.status_code == 201
        time.sleep(_LEASE_SECONDS)
        assert set(watch.versions()) == {(1, False)}
        for listener in (stays, comes_back):
            _until(lambda: len(listener.moves()) == 1)  # noqa: B023 - called here
            [event] = [one for one in listener.events if one.kind != "ready"]
            assert event.id == moved.json()["registry_revision"]
            assert event.data["version"] == 1
            assert not listener.has_ended
            listener.close()
        assert any(comment.startswith("stale") for comment in stays.comments)
    assert {answer.status_code for answer in watch.seen} == {200}
    assert any("Assay-Stale" in answer.headers for answer in watch.seen)
    assert _everyone(live) == before


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
