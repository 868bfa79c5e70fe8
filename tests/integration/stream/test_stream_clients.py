"""Clients that are many, slow, or gone, and a listener that is told to stop or killed."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import psutil
import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from registry.models import ApiToken, Prompt
from registry.promotion import rollback
from tests.integration.lookup.conftest import ADMIN, Web, bearer, go_live
from tests.integration.stream.listener import Listener, eventually, listening

pytestmark = pytest.mark.usefixtures("shelf")


@pytest.fixture(scope="module")
def _small(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Listener]:
    with listening(ASSAY_STREAM_CLIENTS="4") as started:
        yield started


@pytest.fixture
def own(transactional_db: None, _small: Listener) -> Iterator[Listener]:
    """A listener with room for four, and a heartbeat every second."""
    yield _small
    _small.leave()
    eventually(partial(has_room, _small, bearer(name="last")))


def fill_ledger(moves: int) -> None:
    """So many adoptions, each of a tag with a long name: what they say fills every buffer."""
    prompt = Prompt.objects.get(name="greeting")
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH one AS (INSERT INTO registry_registrystate (id, revision) VALUES (1, %s) "
            "ON CONFLICT (id) DO UPDATE SET revision = registry_registrystate.revision + %s "
            "RETURNING revision) INSERT INTO registry_tagevent (prompt_id, tag, sequence, kind, "
            "version_id, actor, role, reason, commit, registry_revision, created_at) "
            "SELECT %s, rpad('t' || (one.revision - %s + n), 100, 'x'), 1, 'adopted', "
            "(SELECT min(id) FROM registry_promptversion), 'system:sync', 'admin', '', 'c', "
            "one.revision - %s + n, now() FROM one, generate_series(1, %s) n ORDER BY n",
            [moves, moves, prompt.pk, moves, moves, moves],
        )


def test_heartbeats_come_when_nothing_else_does_and_bring_the_position_on(own: Listener) -> None:
    client = own.client(bearer(), "?prompt=somebody-else")
    go_live(1)
    eventually(lambda: client.comments.count("current") >= 2 and client.revision == "1")
    assert not client.moves()


def test_moves_that_are_not_for_a_client_put_no_heartbeat_off(own: Listener) -> None:
    client = own.client(bearer(), "?prompt=somebody-else")
    until = time.monotonic() + 60
    moves = 0
    while len(client.comments) < 2 and time.monotonic() < until:
        moves += 1
        go_live(1 + moves % 2)  # several in the second after which a heartbeat is due
        time.sleep(0.2)
    assert len(client.comments) >= 2
    assert moves >= 2
    assert not client.moves()


def test_there_is_room_for_so_many_and_who_goes_makes_room(own: Listener) -> None:
    token = bearer()
    clients = [own.client(token) for _ in range(4)]
    status, headers, body = own.get("/api/v1/stream", token)
    assert (status, json.loads(body)["code"]) == (503, "stream_full")
    assert 1 <= int(headers["retry-after"]) <= 5
    clients[0].close()
    eventually(lambda: has_room(own, token))


def has_room(listener: Listener, token: str) -> bool:
    """A query that would be refused is looked at only by a listener that has room."""
    return listener.get("/api/v1/stream?colour=red", token)[0] != 503


def test_a_client_that_takes_nothing_holds_up_nobody_and_is_let_go(own: Listener) -> None:
    token = bearer()
    stuck = socket.create_connection(("127.0.0.1", own.port))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.sendall(
        b"GET /api/v1/stream?last_event_id=0 HTTP/1.1\r\nHost: testserver\r\n"
        b"Authorization: " + token.encode() + b"\r\n\r\n"
    )
    listener = own.client(token)
    [worker] = psutil.Process(own.process.pid).children()
    before = worker.memory_info().rss
    for _ in range(4):
        fill_ledger(8_000)
    go_live(1)
    eventually(lambda: listener.moves()[-1:] == [("greeting", "stable", 1)], seconds=60)
    with stuck:
        others = [own.client(token) for _ in range(2)]
        # Three are connected besides: it was the fourth.
        eventually(lambda: has_room(own, token), seconds=30)
    # 32,000 moves of 330 bytes are 10 MB; at most 20,000 of them are kept.
    assert worker.memory_info().rss - before < 60e6
    assert not any(client.has_ended for client in (listener, *others))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_after_a_restart_clients_are_told_what_passed(
    transactional_db: None, how: signal.Signals
) -> None:
    token = bearer()
    with listening() as first:
        go_live(1)
        client = first.client(token)
        go_live(2)
        eventually(lambda: client.revision == "2")
        if how == signal.SIGKILL:
            for process in psutil.Process(first.process.pid).children():
                process.kill()
        first.process.send_signal(how)
        # Told to stop, it lets everybody go by itself.
        assert first.process.wait(30) == (0 if how == signal.SIGTERM else -how)
        eventually(lambda: client.has_ended)
        client.close()
    for version in (3, 4):
        go_live(version)
    rollback(prompt="greeting", actor=ADMIN)
    with listening(port=first.port) as second:
        again = second.client(token, last_event_id=client.last_id)
        eventually(lambda: again.revision == "5")
        assert again.events[0].kind == "ready"
        assert [version for _, _, version in again.moves()] == [3, 4, 3]
        second.leave()


def test_it_follows_a_connection_that_broke(own: Listener) -> None:
    """Nothing is lost between two connections, and nobody is told to begin anew."""
    client = own.client(bearer())
    for version in (1, 2, 3, 4) * 3:
        _break_connections()
        go_live(version)
    eventually(lambda: client.revision == "12")
    assert [version for _, _, version in client.moves()] == [1, 2, 3, 4] * 3
    assert {event.kind for event in client.events} == {"ready", "tag.moved"}


def _break_connections() -> None:
    """The listener's, by what it asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND query LIKE %s",
            ["%pg_current_snapshot%"],
        )


def is_answered(listener: Listener, path: str, token: str) -> bool:
    return listener.get(path, token)[0] == 200


def test_lookups_never_fail_while_tags_move_and_connections_break(own: Listener) -> None:
    """Nobody behind this listener could be asked instead."""
    token, path = bearer(), "/api/v1/prompts/greeting"
    go_live(1)
    eventually(lambda: own.get(path, token)[0] == 200)
    is_over, seen = threading.Event(), Counter[int]()

    def look_up() -> None:
        while not is_over.is_set():
            seen[own.get(path, token)[0]] += 1

    threads = [threading.Thread(target=look_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        go_live(1 + number % 3)
        if number % 5 == 0:
            _break_connections()
    is_over.set()
    for thread in threads:
        thread.join()
    assert set(seen) == {200}


def test_lookups_are_answered_as_the_web_answers_them(own: Listener) -> None:
    go_live(1)
    go_live(2, "canary", weight=30)
    token, stranger = bearer(), bearer(prompts=("team/*",), name="stranger")
    assert ApiToken.objects.count() == 2
    web = Web()
    for path in ("/api/v1/prompts/greeting", "/prompt/greeting?tag=canary"):
        truth = web.get(path, straight=True, authorization=token)
        eventually(partial(is_answered, own, path, token))
        status, headers, body = own.get(path, token)
        assert (status, body) == (truth.status, truth.body)
        assert headers["etag"] == truth.headers["ETag"]
        assert headers["cache-control"] == truth.headers["Cache-Control"]
        again = own.get(path, token, if_none_match=headers["etag"])
        assert (again[0], again[2]) == (304, b"")
    for path, who in (
        ("/api/v1/prompts/nobody", token),
        ("/api/v1/prompts/greeting?tag=nothing", token),
        ("/api/v1/prompts/greeting/versions", token),
        ("/api/v1/prompts/greeting", stranger),
        ("/api/v1/prompts/greeting", ""),
    ):
        status, _, body = own.get(path, who)
        assert (status, json.loads(body)["code"]) == (421, "ask_web_listener"), path
    assert own.get("/api/v1/prompts/greeting/rollbacks", token, method="POST")[0] == 421
    assert own.get("/api/v1/models", token)[0] == 404
