"""Slow requests are few at a time: lookups and rollbacks always find a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from registry import access, promotion, rendering, sync
from registry.domain.actor import SYSTEM
from registry.models import SyncRun
from tests.integration.api.conftest import EVERYTHING, bearer, problem
from tests.integration.registry.conftest import make_shelf, stable

pytestmark = pytest.mark.django_db(transaction=True)
RENDER = "/api/v1/prompts/greeting/render"


@pytest.fixture
def secret() -> str:
    """The token of everybody here; `greeting` went from v1 to v2."""
    shelf = make_shelf()
    for version in (1, 2):
        shelf.certify(version)
        promotion.promote(target=stable(version), actor=SYSTEM)
    return access.create_token(name="ci", scopes=EVERYTHING, created_by="test")[1]


class Gate:
    """Calls through it wait until it opens."""

    def __init__(self) -> None:
        self.inside = threading.Semaphore(0)
        self.opened = threading.Event()

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def slowly(*arguments: Any) -> Any:
            self.inside.release()
            assert self.opened.wait(timeout=30)
            return call(*arguments)

        return slowly


@contextmanager
def asking(count: int, ask: Callable[[], Any], gate: Gate) -> Iterator[list[Future[Any]]]:
    """`count` requests in threads of their own, all of them at work when the block begins."""

    def one() -> Any:
        try:
            return ask()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(one) for _ in range(count)]
        try:
            for _ in answers:
                assert gate.inside.acquire(timeout=30)
            yield answers
        finally:
            gate.opened.set()


def turned_away(answer: Any) -> None:
    body = problem(answer, 503, "busy")
    assert answer.headers["Retry-After"] == "2"
    assert (body["retry_after_seconds"], body["hint"]) == (2, "try again in a moment")


def quick_ones_work(client: APIClient) -> None:
    assert client.get("/api/v1/prompts/greeting").json()["version"] == 2
    assert client.post("/api/v1/prompts/greeting/rollbacks", {}).status_code == 201
    assert client.get("/api/v1/prompts/greeting").json()["version"] == 1


def test_a_second_sync_is_turned_away_at_once(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    done = SyncRun.objects.create(status="applied", commit="c" * 40)
    monkeypatch.setattr(sync, "sync", gate.around(lambda: done))

    def post() -> Any:
        return bearer(secret).post("/api/v1/syncs", {})

    with asking(1, post, gate) as [first]:
        turned_away(post())
        quick_ones_work(bearer(secret))
    assert first.result().status_code == 200
    assert post().status_code == 200


def test_a_third_rendering_is_turned_away_at_once(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr(rendering, "render_batch", gate.around(rendering.render_batch))

    def post() -> Any:
        return bearer(secret).post(RENDER, {"version": 1})

    with asking(2, post, gate) as both:
        turned_away(post())
        quick_ones_work(bearer(secret))
    assert [answer.result().status_code for answer in both] == [200, 200]
    assert post().json()["text"] == "Hi"


def test_what_fails_gives_its_place_back(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError

    monkeypatch.setattr(sync, "sync", broken)
    for _ in range(3):
        problem(bearer(secret).post("/api/v1/syncs", {}), 500, "internal_error")
        answer = bearer(secret).post(RENDER, {"version": 1, "variables": {"nobody": 1}})
        problem(answer, 422, "render_invalid")


def test_who_may_not_sync_takes_no_place(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    done = SyncRun.objects.create(status="applied", commit="c" * 40)
    monkeypatch.setattr(sync, "sync", gate.around(lambda: done))
    _, reader = access.create_token(name="reader", scopes=["read"], created_by="test")
    with asking(1, lambda: bearer(secret).post("/api/v1/syncs", {}), gate):
        problem(bearer(reader).post("/api/v1/syncs", {}), 403, "not_allowed")
        problem(APIClient().post("/api/v1/syncs", {}), 401, "not_authenticated")
