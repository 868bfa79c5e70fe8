"""Which database it is: revisions of another one, or of an earlier state of it, are told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections

from registry.lookup import chores
from registry.models import RegistryState
from tests.integration.lookup.conftest import Web, bearer, eventually, go_live
from tests.integration.registry.conftest import Shelf, make_shelf

PROMPT = "/api/v1/prompts/greeting"


def incarnation() -> str:
    return RegistryState.objects.get().incarnation


def test_every_answer_says_of_which_database_its_revision_is(shelf: Shelf, web: Web) -> None:
    go_live(1)
    token, now = bearer(), incarnation()
    web.settle()
    for straight in (False, True):
        sent: dict[str, Any] = {"straight": straight, "authorization": token}
        single = web.get(PROMPT, **sent)
        batch = web.post("/api/v1/prompts:batch", {"items": [{"name": "greeting"}]}, **sent)
        bundle = web.get("/api/v1/bundle", **sent)
        for got in (single, batch, bundle):
            assert got.headers["Assay-Registry-Incarnation"] == now
        assert (
            json.loads(batch.body)["incarnation"] == json.loads(bundle.body)["incarnation"] == now
        )
    langfuse = web.get("/api/public/v2/prompts/greeting", authorization=token)
    assert langfuse.headers["Assay-Registry-Incarnation"] == now


def test_a_database_that_stays_where_it_is_stays_what_it_is(shelf: Shelf) -> None:
    before = incarnation()
    go_live(1)
    for _ in range(3):
        web = Web().start()
        web.lookups.stop()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_switch_wal()")
    Web().start().lookups.stop()
    assert incarnation() == before


def test_an_emptied_database_is_a_later_one_to_who_follows_it(shelf: Shelf, web: Web) -> None:
    before = incarnation()
    call_command("flush", interactive=False, verbosity=0)
    make_shelf()
    go_live(1)
    token, now = bearer(), incarnation()
    eventually(lambda: web.lookups.snapshot.stand == (now, 1))
    assert now > before
    got = web.settle().get(PROMPT, authorization=token)
    assert got.headers["Assay-Registry-Incarnation"] == now


@contextmanager
def copied() -> Iterator[psycopg.Connection]:
    """A connection to a copy of this test's database, as one that was put back elsewhere is."""
    source = str(connection.settings_dict["NAME"])
    parameters = connection.get_connection_params() | {"autocommit": True}
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    # A database that somebody is connected to cannot be copied.
    connections.close_all()
    copy = f"{source}_copy"
    with psycopg.connect(**{**parameters, "dbname": "postgres"}) as server:
        server.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}"')
        try:
            with psycopg.connect(**{**parameters, "dbname": copy}) as link:
                yield link
        finally:
            server.execute(f'DROP DATABASE "{copy}" WITH (FORCE)')


@pytest.mark.usefixtures("shelf")
def test_a_copy_is_a_later_one_from_the_first_look_on() -> None:
    go_live(1)
    before = incarnation()
    with copied() as link, link.cursor() as cursor:
        seen = []
        for _ in range(3):
            cursor.execute("SELECT incarnation, revision FROM registry_registrystate")
            seen += cursor.fetchall()
            chores.note_place(cursor)
    assert seen[0] == (before, 1)
    assert seen[1][0] > before
    assert seen[1] == seen[2]
    assert incarnation() == before


def test_a_clock_that_went_back_makes_no_earlier_one(shelf: Shelf) -> None:
    """The next one is later than the last by its own name, whatever the clock says."""
    future = "f00000000000" + "0" * 8
    RegistryState.objects.update(incarnation=future, place="elsewhere")
    with connection.cursor() as cursor:
        chores.note_place(cursor)
    assert incarnation()[:12] == "f00000000001"
