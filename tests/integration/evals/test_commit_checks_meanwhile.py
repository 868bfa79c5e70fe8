"""What happens to a check while somebody is at it: it ends, or the database breaks off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from evals import commit_checks
from evals.commit_checks import ending
from evals.models import CommitCheck
from registry.domain.actor import Actor
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.proposals import BETTER, Host, asked, worked
from tests.integration.evals.test_commit_checks import V2, host

__all__ = ["host"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_database_that_breaks_off_says_nothing_of_the_commit(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    check = asked(host, host.propose({V2: BETTER}), editor)
    with connection_broken_once_it_is_read(), pytest.raises(OperationalError):
        commit_checks.advance(check.pk)
    connection.close()  # as a worker does after each task
    check.refresh_from_db()
    assert (check.status, check.verdict, check.attempts) == ("running", "", 1)
    CommitCheck.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert worked(check).verdict == "PASS"


def test_who_asks_while_the_same_check_ends_gets_a_new_one(host: Host, editor: Actor) -> None:
    head = host.propose({V2: BETTER})
    first = asked(host, head, editor)
    with ending_for_a_moment(first):
        second = asked(host, head, editor)
    assert second.pk != first.pk
    assert second.status == "queued"


def test_a_check_that_cannot_be_reported_ends_and_lets_the_next_one_begin(
    host: Host, server: ModelServer, editor: Actor, settings: Settings
) -> None:
    settings.CHECKS_AT_ONCE = 1
    first = asked(host, host.propose({V2: BETTER}), editor, pull_request=1)
    second = asked(host, host.propose({V2: f"{BETTER}!"}), editor, pull_request=2)
    commit_checks.advance(first.pk)
    CommitCheck.objects.filter(pk=first.pk).update(change={"written": "by a release to come"})
    first = worked(first)
    assert (first.status, first.verdict) == ("done", "ERROR")
    assert first.sentences == ["the report could not be made: KeyError"]
    assert "the report could not be made" in first.comment_markdown
    assert worked(second).verdict == "PASS"


@contextmanager
def connection_broken_once_it_is_read() -> Iterator[None]:
    """This test's own connection, as soon as a worker has begun to read a commit."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    where = connection.get_connection_params()

    def break_off() -> None:
        with psycopg.connect(**where, autocommit=True) as elsewhere:
            begun = "SELECT count(*) FROM evals_commitcheck WHERE owner <> ''"
            while elsewhere.execute(begun).fetchone() == (0,):
                time.sleep(0.002)
            elsewhere.execute("SELECT pg_terminate_backend(%s)", [pid])

    with beside(break_off):
        yield


@contextmanager
def ending_for_a_moment(check: CommitCheck) -> Iterator[None]:
    """Somebody holds the check, and ends it while the block is waiting for it."""
    is_held = threading.Event()

    def end() -> None:
        with transaction.atomic():
            held = CommitCheck.objects.select_for_update().get(pk=check.pk)
            is_held.set()
            time.sleep(0.3)
            ending.end(held, "ERROR", ("cancelled by user:eda",), timezone.now())

    with beside(end):
        assert is_held.wait(60)
        yield


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """The work goes on in a thread with a connection of its own, and is over after the block."""

    def closing() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=closing)
    thread.start()
    try:
        yield
    finally:
        thread.join()
