"""How far a run is, told to the page of who is signed in."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from evals import engine
from evals.models import EvalRun
from registry.domain.actor import Actor
from registry.models import User
from tests.integration.evals.conftest import (
    QUICK,
    Repository,
    editor,
    repository,
    server,
    started,
)
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.lookup.conftest import bearer
from tests.integration.stream.listener import Client, Listener, eventually, listening

__all__ = ["editor", "repository", "server"]

#: Of the web listener, whose port is another one.
ORIGIN = "http://testserver:8000"
ROOM = 4


@pytest.fixture(scope="module")
def _quick(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Listener]:
    with listening(
        ASSAY_STREAM_CLIENTS=str(ROOM), ASSAY_STREAM_PORT="8001", ASSAY_WEB_PORT="8000"
    ) as started:
        yield started


@pytest.fixture
def own(transactional_db: None, _quick: Listener) -> Iterator[Listener]:
    """A listener with room for four, and a heartbeat every second."""
    yield _quick
    _quick.leave()


@pytest.fixture
def run(transactional_db: None, repository: Repository, editor: Actor) -> EvalRun:
    """Started, and nobody works on it."""
    repository.publish()
    return started(editor)


@pytest.fixture
def vera(transactional_db: None) -> User:
    """Who may only look."""
    return User.objects.create_user("vera", role="viewer")


def cookie(person: User) -> str:
    """What the person's browser sends."""
    browser = Browser()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    return f"theme=dark; {name}={browser.cookies[name].value}"


def path_of(run: object) -> str:
    return f"/api/v1/stream/runs/{run}"


def watching(listener: Listener, run: EvalRun, who: str) -> Client:
    return listener.client(path=path_of(run), cookie=who)


def told(client: Client) -> list[tuple[str, int]]:
    """Kind and answers of each event."""
    return [(event.kind, event.data["done"]) for event in client.events]


def test_who_looks_at_a_run_sees_it_go_on_and_end(
    own: Listener, run: EvalRun, vera: User, server: ModelServer
) -> None:
    server.reply = lambda _question, _nth: Say("yes", seconds=0.8)
    client = watching(own, run, cookie(vera))
    assert client.events[0].data == {"status": "queued", "total": 12, "done": 0, "errors": 0}
    engine.work(run.pk, limits=QUICK)
    eventually(lambda: client.has_ended)
    assert 1000 <= client.retry <= 5000
    *before, last = client.events
    assert {event.kind for event in before} == {"progress"}
    assert (last.kind, last.data["status"], last.data["done"]) == ("end", "finished", 12)
    counts = [event.data["done"] for event in before]
    assert counts == sorted(counts)
    assert any(0 < count < 12 for count in counts), "it was seen on its way"


def test_a_run_that_is_over_is_told_so_at_once(own: Listener, run: EvalRun, vera: User) -> None:
    EvalRun.objects.filter(pk=run.pk).update(status="cancelled")
    client = watching(own, run, cookie(vera))
    eventually(lambda: client.has_ended)
    assert told(client) == [("end", 0)]


def test_only_changes_are_told_and_heartbeats_between(
    own: Listener, run: EvalRun, vera: User
) -> None:
    client = watching(own, run, cookie(vera))
    eventually(lambda: len(client.comments) >= 2)
    assert told(client) == [("progress", 0)]
    EvalRun.objects.filter(pk=run.pk).update(done=3, errors=1)
    eventually(lambda: told(client) == [("progress", 0), ("progress", 3)])
    assert client.events[1].data["errors"] == 1
    assert set(client.comments) == {"alive"}


@pytest.mark.parametrize("who", ["nobody", "a token", "nonsense", "deactivated", "expired"])
@pytest.mark.parametrize("is_known", [True, False])
def test_who_is_not_signed_in_hears_nothing(
    own: Listener, run: EvalRun, vera: User, who: str, is_known: bool
) -> None:
    """Nor whether there is such a run."""
    kept, token = cookie(vera), ""
    if who == "nobody":
        kept = "theme=dark"
    elif who == "a token":
        kept, token = "", bearer()
    elif who == "nonsense":
        kept = f"{settings.SESSION_COOKIE_NAME}=\"\\000 or 'x'='x\""
    elif who == "deactivated":
        User.objects.filter(pk=vera.pk).update(is_active=False)
    else:
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    path = path_of(run if is_known else uuid4())
    status, headers, body = own.get(path, token, cookie=kept)
    assert (status, json.loads(body)["code"]) == (401, "not_authenticated")
    assert headers["cache-control"] == "no-store"


def test_a_new_password_ends_the_sessions_of_the_old(
    own: Listener, run: EvalRun, vera: User
) -> None:
    kept = cookie(vera)
    vera.set_password("correct horse battery staple")
    vera.save()
    assert own.get(path_of(run), cookie=kept)[0] == 401


def test_a_run_that_does_not_exist(own: Listener, run: EvalRun, vera: User) -> None:
    kept = cookie(vera)
    status, headers, body = own.get(path_of(uuid4()), cookie=kept)
    assert (status, json.loads(body)["code"]) == (404, "run_unknown")
    assert headers["cache-control"] == "no-store"
    for other in (run.pk.hex, f"{run.pk}/", str(run.pk).upper(), "1", ""):
        assert own.get(path_of(other), cookie=kept)[0] == 404
    assert own.get(path_of(run), cookie=kept, method="POST")[0] == 405


@pytest.mark.parametrize("how", ["signs out", "is deactivated"])
def test_who_loses_the_page_loses_the_stream(
    own: Listener, run: EvalRun, vera: User, how: str
) -> None:
    client = watching(own, run, cookie(vera))
    other = watching(own, run, cookie(User.objects.create_user("otto", role="viewer")))
    if how == "signs out":
        kept = Session.objects.order_by("expire_date").first()
        assert kept is not None
        kept.delete()
    else:
        User.objects.filter(pk=vera.pk).update(is_active=False)
    eventually(lambda: client.has_ended, seconds=5)
    assert told(client) == [("progress", 0)], "the run was not over"
    assert not other.has_ended


@pytest.mark.parametrize(
    ("origin", "is_let"),
    [
        (ORIGIN, True),
        ("http://testserver:8001", False),
        ("http://testserver", False),
        ("https://testserver:8000", False),
        ("http://elsewhere.example:8000", False),
        ("null", False),
    ],
)
def test_only_the_pages_may_read_it_in_a_browser(
    own: Listener, run: EvalRun, vera: User, origin: str, is_let: bool
) -> None:
    kept = cookie(vera)
    EvalRun.objects.filter(pk=run.pk).update(status="cancelled")
    for path, who, status in (
        (path_of(run), kept, 200),
        (path_of(uuid4()), kept, 404),
        (path_of(run), "", 401),
    ):
        got, headers, _ = own.get(path, cookie=who, origin=origin)
        assert got == status
        assert headers.get("access-control-allow-origin") == (origin if is_let else None)
        assert headers.get("access-control-allow-credentials") == ("true" if is_let else None)
        assert headers["vary"] == "Origin"
        assert "no-store" in headers["cache-control"]


def test_many_who_watch_ask_the_database_once_a_second(
    listener: Listener, run: EvalRun, vera: User
) -> None:
    kept = cookie(vera)
    clients = [watching(listener, run, kept) for _ in range(12)]
    assert 1 <= looks_in(seconds=2) <= 3
    EvalRun.objects.filter(pk=run.pk).update(done=5)
    for client in clients:
        eventually(partial(has_heard, client, 5))
    listener.leave()
    eventually(lambda: looks_in(seconds=1.2) == 0)  # nobody watches, and nobody looks


def test_there_is_room_for_so_many(own: Listener, run: EvalRun, vera: User) -> None:
    kept = cookie(vera)
    clients = [watching(own, run, kept) for _ in range(ROOM)]
    status, headers, body = own.get(path_of(run), cookie=kept)
    assert (status, json.loads(body)["code"]) == (503, "stream_full")
    assert 1 <= int(headers["retry-after"]) <= 5
    clients[0].close()
    eventually(lambda: own.get(path_of(uuid4()), cookie=kept)[0] == 404)
    watching(own, run, kept)


def has_heard(client: Client, done: int) -> bool:
    return told(client)[-1] == ("progress", done)


def looks_in(*, seconds: float) -> int:
    """How often the listener asked PostgreSQL how far runs are, by when its sessions last did."""
    begun = _looks()
    seen: set[tuple[int, str]] = set()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seen |= _looks()
        time.sleep(0.02)
    return len(seen - begun)


def _looks() -> set[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, query_start::text FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            'AND query LIKE \'SELECT%%FROM "evals_evalrun" WHERE "evals_evalrun"."id" IN (%%\''
        )
        return set(cursor.fetchall())


def test_a_listener_that_is_told_to_stop_lets_everybody_go(run: EvalRun, vera: User) -> None:
    with listening(heartbeat_seconds=300) as stopping:
        client = watching(stopping, run, cookie(vera))
        stopping.process.send_signal(signal.SIGTERM)
        assert stopping.process.wait(20) == 0
        eventually(lambda: client.has_ended)
        assert told(client) == [("progress", 0)]
