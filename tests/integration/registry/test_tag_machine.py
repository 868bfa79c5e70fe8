"""Whatever the order of moves, the tag equals a simple model of it."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from registry import lookup, promotion, queries
from registry.domain.actor import Actor, Role
from registry.errors import (
    NotCertifiedError,
    NothingToRollBackToError,
    RevisionConflictError,
    TagUnknownError,
)
from registry.models.ledger import Tag, TagEvent
from tests.integration.registry.conftest import make_shelf, stable

_ADMIN = Actor("user:ada", Role.ADMIN.scopes)
_VERSIONS = st.integers(1, 4)


class TagMachine(RuleBasedStateMachine):
    """`trail` is what a person would expect to be able to go back through."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.shelf = make_shelf()
        self.certified: set[int] = set()
        self.trail: list[int] = []
        self.moves = 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def moved_to(self, version: int) -> None:
        self.moves += 1
        if not self.trail or self.trail[-1] != version:
            self.trail.append(version)

    @rule(version=_VERSIONS)
    def certify(self, version: int) -> None:
        self.shelf.certify(version)
        self.certified.add(version)

    @rule(version=_VERSIONS)
    def promote(self, version: int) -> None:
        try:
            promotion.promote(target=stable(version), actor=_ADMIN)
        except NotCertifiedError:
            assert version not in self.certified
        else:
            assert version in self.certified
            self.moved_to(version)

    @rule(version=_VERSIONS)
    def override(self, version: int) -> None:
        # An override of a version equal to the live one still is a new place to go back past.
        promotion.override(target=stable(version), actor=_ADMIN, reason="test")
        self.moved_to(version)

    @precondition(lambda self: self.moves > 0)
    @rule()
    def roll_back(self) -> None:
        try:
            promotion.rollback(prompt="greeting", actor=_ADMIN)
        except NothingToRollBackToError:
            assert len(self.trail) == 1
        else:
            self.trail.pop()
            self.moves += 1

    @rule(version=_VERSIONS, off=st.integers(1, 3))
    def move_with_a_stale_revision(self, version: int, off: int) -> None:
        target = stable(version, expected_revision=self.moves + off)
        with pytest.raises(RevisionConflictError) as conflict:
            promotion.override(target=target, actor=_ADMIN, reason="test")
        assert conflict.value.fields["revision"] == self.moves

    @invariant()
    def the_pointer_is_the_end_of_the_trail(self) -> None:
        if self.trail:
            assert lookup.by_tag("greeting").version.number == self.trail[-1]
        else:
            with pytest.raises(TagUnknownError):
                lookup.by_tag("greeting")

    @invariant()
    def the_ledger_is_one_chain(self) -> None:
        chain = list(queries.history(self.shelf.prompt).order_by("sequence"))
        assert [e.sequence for e in chain] == list(range(1, self.moves + 1))
        if chain:
            assert Tag.objects.get(prompt=self.shelf.prompt).event_id == chain[-1].pk
            assert TagEvent.objects.filter(previous=None).count() == 1


class TestTagMachine(TestCase):
    """The machine, each example in a transaction of its own."""

    def test_the_tag_equals_its_model(self) -> None:
        from hypothesis.stateful import run_state_machine_as_test

        run_state_machine_as_test(
            TagMachine,
            settings=settings(max_examples=10, stateful_step_count=20, deadline=None),
        )
