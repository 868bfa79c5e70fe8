"""Strangers whose bodies never come keep nobody waiting but each other."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import Any

import pytest
from django.db import connections

from config import bodies
from tests.integration.lookup.conftest import Web, bearer, environ_of, eventually, go_live
from tests.integration.registry.conftest import Shelf

#: A route that looks at a body before it knows who sent it, and needs no database.
HOOK, BATCH, FLAGS = "/hooks/github", "/api/v1/prompts:batch", "/ofrep/v1/evaluate/flags"
ITEMS = json.dumps({"items": [{"name": "greeting"}]}).encode()


class Slow:
    """A request of which the headers are here, and of the body whatever was sent."""

    def __init__(self, web: Web, path: str = HOOK, length: int = 2, **headers: str) -> None:
        self.status = 0
        there, self._body = os.pipe()
        self._sent = os.fdopen(there, "rb")
        environ = environ_of(path, "POST", b"{}", headers)
        environ |= {"wsgi.input": self._sent, "CONTENT_LENGTH": str(length)}
        self._thread = threading.Thread(target=self._ask, args=(web, environ))
        self._thread.start()

    def _ask(self, web: Web, environ: dict[str, Any]) -> None:
        def begun(status: str, *_: Any) -> None:
            self.status = int(status[:3])

        try:
            b"".join(web.application(environ, begun))
        finally:
            connections.close_all()

    def send(self, body: bytes) -> None:
        os.write(self._body, body)

    def leave(self) -> None:
        os.close(self._body)
        self._thread.join()
        self._sent.close()


@contextmanager
def slow(web: Web, count: int) -> Iterator[list[Slow]]:
    with ExitStack() as stack:
        made = [Slow(web) for _ in range(count)]
        for one in made:
            stack.callback(one.leave)
        places = web.application._bodies._begun
        eventually(lambda: len(places) == min(count, bodies._MOST))
        time.sleep(0.4)  # longer than anybody's patience
        yield made


@pytest.fixture
def live(shelf: Shelf, web: Web) -> Web:
    go_live(1)
    return web


def never(*_: Any) -> None:
    raise AssertionError("somebody waits")


def test_two_are_waited_for_and_the_next_is_turned_away_at_once(
    live: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow(live, 2) as waiting:
        monkeypatch.setattr(live.application._bodies._changed, "wait", never)
        refused = live.post(HOOK, b"{}")
        assert refused.status == 503
        assert json.loads(refused.body)["code"] == "busy"
        assert refused.headers["Retry-After"] == "2"
        waiting[0].send(b"{}")
        eventually(lambda: waiting[0].status == 404)
        assert live.post(HOOK, b"{}").status == 404


def test_who_is_known_reads_and_writes_all_the_same(live: Web) -> None:
    token = bearer()
    live.settle()
    with slow(live, 3):
        assert live.get("/api/v1/prompts/greeting", authorization=token).status == 200
        assert live.post(BATCH, ITEMS, authorization=token).status == 200
        assert live.post(FLAGS, b"{}", authorization=token).status == 200
        assert live.post(FLAGS, b"{}", x_api_key="nobody").status == 503


def test_a_short_wait_is_no_refusal(live: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PATIENCE_SECONDS", 10.0)  # however busy this machine is
    first, second = Slow(live), Slow(live)
    threading.Timer(0.1, lambda: first.send(b"{}")).start()
    assert live.post(HOOK, b"{}").status == 404
    for one in (first, second):
        one.leave()


def test_a_body_that_breaks_off_is_acted_on_by_nobody(live: Web) -> None:
    broken = Slow(live, path=FLAGS, length=20)
    broken.send(b'{"context":')
    before = live.asked_django
    broken.leave()
    assert (broken.status, live.asked_django) == (400, before)


@pytest.mark.parametrize("length", ["", "0", "-1", "x", "\u00b2"])
def test_an_odd_length_is_for_others_to_judge(live: Web, length: str) -> None:
    environ = environ_of(HOOK, "POST", b"{}", {})
    environ |= {"CONTENT_LENGTH": length, "wsgi.input": BytesIO()}
    statuses: list[str] = []
    b"".join(live.application(environ, lambda status, *_: statuses.append(status)))
    assert statuses == ["404 Not Found"]
