"""Many people move one tag at once: the ledger is one chain and every loser is told."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from registry import promotion, queries
from registry.domain.actor import Actor
from registry.errors import NothingToRollBackToError, RevisionConflictError, TagNotSetError
from registry.models.ledger import Tag, TagEvent
from tests.integration.registry.conftest import make_shelf, stable

_MOVES, _THREADS = 100, 8


@pytest.mark.django_db(transaction=True)
def test_a_hundred_concurrent_moves_leave_one_chain(promoter: Actor) -> None:
    shelf = make_shelf()
    for number in (1, 2, 3, 4):
        shelf.certify(number)

    def move(seed: int) -> str:
        chance = random.Random(seed)
        seen = queries.tag_revision(shelf.prompt, "stable")
        try:
            if chance.random() < 0.5:
                target = stable(chance.randint(1, 4), expected_revision=seen)
                promotion.promote(target=target, actor=promoter)
            else:
                promotion.rollback(prompt="greeting", actor=promoter, expected_revision=seen)
        except RevisionConflictError as conflict:
            return "lost" if conflict.fields["revision"] > seen else "lost to nobody"
        except TagNotSetError:
            return "nothing yet"
        except NothingToRollBackToError:
            return "at the start"
        finally:
            connection.close()
        return "moved"

    with ThreadPoolExecutor(_THREADS) as pool:
        outcomes = list(pool.map(move, range(_MOVES)))

    chain = list(TagEvent.objects.filter(prompt=shelf.prompt).order_by("sequence"))
    assert [event.sequence for event in chain] == list(range(1, outcomes.count("moved") + 1))
    assert [e.previous_id for e in chain] == [None, *[e.pk for e in chain[:-1]]]
    revisions = [event.registry_revision for event in chain]
    assert revisions == sorted(set(revisions))
    tag = Tag.objects.get(prompt=shelf.prompt, name="stable")
    assert (tag.event_id, tag.revision) == (chain[-1].pk, len(chain))
    assert "lost to nobody" not in outcomes
    assert outcomes.count("lost") > 0, "the threads never met; the test proves nothing"


@pytest.mark.django_db(transaction=True)
def test_two_first_promotions_at_once_give_one_winner(promoter: Actor) -> None:
    shelf = make_shelf()
    shelf.certify(1)

    def first(_: int) -> bool:
        try:
            promotion.promote(target=stable(1, expected_revision=0), actor=promoter)
        except RevisionConflictError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(_THREADS) as pool:
        assert sum(pool.map(first, range(_THREADS))) == 1


@pytest.mark.django_db(transaction=True)
def test_releases_and_rollbacks_never_wait_for_each_other_in_a_circle(promoter: Actor) -> None:
    shelves = [make_shelf(name) for name in ("first", "second", "third")]
    for shelf in shelves:
        for number in (1, 2):
            shelf.certify(number)
    names = [shelf.prompt.name for shelf in shelves]
    first = [stable(1, prompt=name) for name in names]
    promotion.release(targets=first, actor=promoter)

    def move(turn: int) -> str:
        version = 1 + turn % 2
        try:
            if turn % 3:
                promotion.rollback(prompt=names[turn % len(names)], actor=promoter)
            else:
                targets = [stable(version, prompt=name) for name in names]
                promotion.release(targets=targets, actor=promoter)
        except NothingToRollBackToError:
            return "at the start"
        finally:
            connection.close()
        return "moved"

    with ThreadPoolExecutor(_THREADS) as pool:
        assert set(pool.map(move, range(60))) <= {"moved", "at the start"}
