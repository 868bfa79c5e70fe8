"""How far a run is, while the database is not always there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections

from config.stream.run_watch import Database, RunWatch
from evals.models import EvalRun
from evals.queries import RunProgress
from registry.models import User
from tests.integration.stream.listener import Listener, eventually
from tests.integration.stream.test_run_events import (
    _quick,
    cookie,
    editor,
    has_heard,
    own,
    path_of,
    repository,
    run,
    server,
    told,
    vera,
    watching,
)

__all__ = ["_quick", "editor", "own", "repository", "run", "server", "vera"]


def test_a_connection_that_breaks_breaks_no_stream(own: Listener, run: EvalRun, vera: User) -> None:
    client = watching(own, run, cookie(vera))
    for done in range(1, 4):
        break_connections()
        EvalRun.objects.filter(pk=run.pk).update(done=done)
        eventually(partial(has_heard, client, done))
    assert not client.has_ended


def test_who_listens_outlasts_a_database_that_is_away(
    own: Listener, run: EvalRun, vera: User
) -> None:
    kept = cookie(vera)
    client = watching(own, run, kept)
    with database_away():
        status, headers, body = own.get(path_of(run), cookie=kept)
        assert (status, json.loads(body)["code"]) == (503, "stream_not_ready")
        assert 1 <= int(headers["retry-after"]) <= 5
        beats = len(client.comments)
        eventually(lambda: len(client.comments) >= beats + 2)
        EvalRun.objects.filter(pk=run.pk).update(done=4)
    eventually(partial(has_heard, client, 4))
    assert told(client) == [("progress", 0), ("progress", 4)]


def test_who_comes_just_as_the_last_one_goes_is_told_all_the_same(
    run: EvalRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each thread closes what it opened: one of two threads cannot close the other's connection.
    monkeypatch.setitem(connections.settings[DEFAULT_DB_ALIAS], "CONN_MAX_AGE", 0)
    EvalRun.objects.filter(pk=run.pk).update(done=5)
    before = RunProgress("queued", 12, 0, 0)

    async def done() -> int:
        database, news = Database(), asyncio.Event()
        watch = RunWatch(database)
        with watch.watching(run.pk, before, asyncio.Event()):
            await asyncio.sleep(0)  # it begins to look
        with watch.watching(run.pk, before, news):
            news.clear()
            async with asyncio.timeout(10):
                await news.wait()
            found = watch[run.pk].done
        database.stop()
        return found

    assert asyncio.run(done()) == 5


@contextmanager
def database_away() -> Iterator[None]:
    """For everybody but this test."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    where = connection.get_connection_params() | {"dbname": "postgres"}
    with psycopg.connect(**where, autocommit=True) as elsewhere:
        elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            break_connections()
            yield
        finally:
            elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def break_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
