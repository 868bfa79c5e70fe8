"""`assay serve` runs both listeners; the stream's is started again, and its clients go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Platform, platform
from tests.acceptance.test_serve_tree import eventually
from tests.integration.stream.listener import Client

pytestmark = pytest.mark.slow
#: No model is asked anything here.
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path, model_url=NOBODY) as started:
        yield started


def test_a_killed_stream_listener_comes_back_and_its_clients_miss_nothing(
    running: Platform,
) -> None:
    tree, token = running.tree, f"Bearer {running.token}"
    with running.client() as assay:
        assay.sync()
    where = httpx.get(f"{tree.base_url}/api/v1/stream", headers={"Authorization": token})
    assert where.status_code == 421
    assert where.json()["stream"] == f"{tree.stream_url}/api/v1/stream"
    port = httpx.URL(tree.stream_url).port
    assert port
    client = Client(port, token, headers={"host": "127.0.0.1"}).begin()
    override(running, 2)
    # Before it: what the sync adopted, when the listener had not looked since.
    eventually(lambda: client.moves()[-1:] == [("sentiment", "stable", 2)])
    tree.kill("stream")
    eventually(lambda: client.has_ended)
    client.close()
    override(running, 3)
    tree.wait("stream")
    headers = {"host": "127.0.0.1", "last-event-id": client.last_id}
    again = Client(port, token, headers=headers).begin()
    eventually(lambda: len(again.moves()) == 1)
    assert again.moves() == [("sentiment", "stable", 3)]
    again.close()


def override(running: Platform, version: int) -> None:
    answer = httpx.post(
        f"{running.tree.base_url}/api/v1/prompts/sentiment/overrides",
        headers={"Authorization": f"Bearer {running.token}"},
        json={"version": version, "reason": "test"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
