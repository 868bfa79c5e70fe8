"""Every process that answers lookups says which revision it has, and what it says is true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from registry import queries
from registry.models import LookupProcess, RegistryState, TagEvent
from registry.queries import Reach
from tests.integration.lookup.conftest import Web, bearer, eventually, go_live
from tests.integration.registry.conftest import Shelf


@pytest.fixture
def other(web: Web) -> Iterator[Web]:
    """A second process beside `web`."""
    made = Web().start()
    try:
        yield made
    finally:
        made.lookups.stop()


def reach() -> Reach:
    """How far the newest move got."""
    return queries.reach(TagEvent.objects.latest("id").registry_revision)


def test_a_move_reaches_every_process_and_each_says_so(shelf: Shelf, web: Web, other: Web) -> None:
    for version in (1, 2, 3):
        go_live(version)
        eventually(lambda: reach().answering == 2)
        assert reach().others == []
    assert {one.process.listener for one in reach().processes} == {"web"}


def test_who_says_it_has_a_revision_answers_with_it(shelf: Shelf, web: Web, other: Web) -> None:
    token = bearer()
    for number in range(8):
        version = 1 + number % 4
        go_live(version)
        eventually(lambda: reach().answering == 2)
        for one in (web, other):
            got = one.get("/api/v1/prompts/greeting", authorization=token)
            assert f'"version":{version},'.encode() in got.body


def test_a_revision_of_another_incarnation_is_another_revision(shelf: Shelf, web: Web) -> None:
    go_live(1)
    eventually(lambda: reach().answering == 1)
    before = RegistryState.objects.get().incarnation
    LookupProcess.objects.update(incarnation="f" * 20, revision=10_000)
    assert reach().answering == 0
    LookupProcess.objects.update(incarnation=before)
    assert reach().answering == 1


def test_who_ends_takes_leave(shelf: Shelf, web: Web) -> None:
    other = Web().start()
    go_live(1)
    eventually(lambda: reach().answering == 2)
    other.lookups.stop()
    assert len(reach().processes) == 1


def test_who_ends_without_a_word_is_silent_and_in_time_forgotten(shelf: Shelf, web: Web) -> None:
    go_live(1)
    eventually(lambda: reach().answering == 1)
    gone = LookupProcess.objects.get()
    gone.pk, gone.pid = "0" * 32, 4242
    gone.save()
    _age(gone, seconds=60)
    [one] = reach().others
    assert (one.process.pid, one.has_it, one.is_silent, one.seconds) == (4242, True, True, 60)
    _age(gone, seconds=600)
    assert reach().others == []


def _age(row: LookupProcess, *, seconds: int) -> None:
    LookupProcess.objects.filter(pk=row.pk).update(
        heard_at=F("heard_at") - timedelta(seconds=seconds)
    )


def test_a_database_that_takes_no_notes_costs_no_lookup(shelf: Shelf, web: Web) -> None:
    token = bearer()
    go_live(1)
    eventually(lambda: reach().answering == 1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE registry_lookupprocess RENAME TO elsewhere")
    try:
        go_live(2)
        web.settle()
        for _ in range(20):
            got = web.get("/api/v1/prompts/greeting", authorization=token)
            assert b'"version":2,' in got.body
            assert not got.was_django
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO registry_lookupprocess")
    # It tries again by itself.
    eventually(lambda: reach().answering == 1)
