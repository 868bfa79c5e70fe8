"""A sync that is deciding about certificates holds up promotions, and never a rollback (P6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core.errors import AssayError
from registry import certificates, promotion
from registry.domain.actor import Actor
from registry.models.ledger import Tag
from registry.promotion import next_registry_revision, planning
from tests.integration.registry.conftest import Shelf, make_shelf, stable

_ANOTHER_SUITE = "f" * 64
_LONG = 30.0


class Mover:
    """Somebody who moves a tag in a process of their own; `outcome` is a version or a code."""

    def __init__(self, move: Callable[[], object]) -> None:
        self.move = move
        self.outcome = ""
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            moved = self.move()
            self.outcome = str(moved)
        except AssayError as error:
            self.outcome = error.code
        finally:
            connection.close()

    def is_done(self) -> bool:
        """Whether it comes to an end in time."""
        self.thread.join(timeout=_LONG)
        return not self.thread.is_alive()


@contextmanager
def joined(*movers: Mover) -> Iterator[None]:
    """Their connections are closed before the database is emptied."""
    with ExitStack() as stack:
        for mover in movers:
            stack.callback(mover.thread.join)
        yield


def promoted(actor: Actor) -> Callable[[], object]:
    """Promote the certified v1 of `greeting`."""
    return lambda: promotion.promote(target=stable(1), actor=actor).event.version


def rolled_back(actor: Actor) -> Callable[[], object]:
    """Roll back `other`."""
    return lambda: promotion.rollback(prompt="other", actor=actor).event.version


def somebody_waits() -> None:
    """Until another connection has begun to look for a certificate that it cannot have."""
    give_up_at = time.monotonic() + _LONG
    while time.monotonic() < give_up_at:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() "
                "AND (wait_event_type = 'Lock' OR query LIKE 'ROLLBACK TO SAVEPOINT%')"
            )
            if cursor.fetchone():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.fixture
def shelf(transactional_db: None, promoter: Actor, admin: Actor) -> Shelf:
    """`greeting` v1 is certified; `other` was moved twice and can go back."""
    other = make_shelf("other")
    for number in (1, 2):
        other.certify(number)
        promotion.promote(target=stable(number, prompt="other"), actor=promoter)
    shelf = make_shelf()
    shelf.certify(1)
    return shelf


def expire(shelf: Shelf) -> None:
    """What a sync does when the prompt's suites changed."""
    certificates.require_suites(
        prompt=shelf.prompt, suite_digest=_ANOTHER_SUITE, now=timezone.now()
    )


def test_a_rollback_passes_a_promotion_that_waits_for_a_sync(
    shelf: Shelf, promoter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PATIENCE_SECONDS", 4 * _LONG)
    with ExitStack() as stack:
        with transaction.atomic():
            expire(shelf)
            waiting = Mover(promoted(promoter))
            stack.enter_context(joined(waiting))
            somebody_waits()
            back = Mover(rolled_back(promoter))
            stack.enter_context(joined(back))
            assert back.is_done()
            assert back.outcome == "other@v1"
            assert waiting.thread.is_alive()
            # What a first contact asks for, after all the certificates.
            assert next_registry_revision(0) == 3
        assert waiting.is_done()
        assert waiting.outcome == "not_certified"
    assert not Tag.objects.filter(prompt=shelf.prompt).exists()


def test_a_promotion_goes_on_when_the_sync_gave_up(
    shelf: Shelf, promoter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PATIENCE_SECONDS", 4 * _LONG)
    with ExitStack() as stack:
        with transaction.atomic():
            expire(shelf)
            waiting = Mover(promoted(promoter))
            stack.enter_context(joined(waiting))
            somebody_waits()
            transaction.set_rollback(True)
        assert waiting.is_done()
        assert waiting.outcome == "greeting@v1"


def test_a_promotion_is_refused_when_the_sync_takes_long(
    shelf: Shelf, promoter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PATIENCE_SECONDS", 0.1)
    with ExitStack() as stack, transaction.atomic():
        expire(shelf)
        refused = Mover(promoted(promoter))
        stack.enter_context(joined(refused))
        assert refused.is_done()
        assert refused.outcome == "evidence_changing"
    assert not Tag.objects.filter(prompt=shelf.prompt).exists()
