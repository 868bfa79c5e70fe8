"""The database itself asks what a certificate was compared with, and who judged: shell or not."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from core.digest import digest
from registry import promotion
from registry.domain.actor import Actor
from registry.domain.judge_model import JudgeModel
from registry.errors import NotCertifiedError
from registry.models import Certificate, ModelVersion
from registry.promotion import Adoption, Target
from tests.integration.registry.conftest import Shelf, stable

_EVENT = """
INSERT INTO registry_tagevent (prompt_id, tag, sequence, previous_id, kind, version_id, model_id,
  weight, actor, role, reason, certificate_id, commit, registry_revision, created_at)
VALUES (%s, %s, %s, %s, 'promoted', %s, %s, %s, 'shell', 'promoter', '', %s, '', 99, now())
"""
BESIDE = "compared with something else than what is live"


def insert(shelf: Shelf, certificate: Certificate, tag: str = "stable") -> None:
    """The entry that follows the newest one of the tag, in plain SQL."""
    last = shelf.prompt.events.filter(tag=tag).order_by("-sequence").first()
    values = [
        *(shelf.prompt.pk, tag, last.sequence + 1 if last else 1, last.pk if last else None),
        *(certificate.prompt_version_id, certificate.model_version_id),
        *(10 if tag == "canary" else None, certificate.pk),
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_EVENT, values)


def refused(shelf: Shelf, certificate: Certificate, tag: str = "stable") -> str:
    with pytest.raises(DatabaseError) as refusal:
        insert(shelf, certificate, tag)
    return str(refusal.value)


@pytest.fixture
def live(shelf: Shelf, promoter: Actor) -> Shelf:
    """v1 was promoted beside nothing, under policies that compare."""
    shelf.compares().certify(1)
    promotion.promote(target=stable(1), actor=promoter)
    return shelf


def test_what_was_compared_with_the_live_version_may_follow_it(live: Shelf) -> None:
    insert(live, live.certify(2, beside=1))


def test_what_was_compared_with_an_older_version_may_not(live: Shelf, promoter: Actor) -> None:
    late = live.certify(3, beside=1)
    live.certify(2, beside=1)
    promotion.promote(target=stable(2), actor=promoter)
    assert BESIDE in refused(live, late)
    with pytest.raises(NotCertifiedError, match="compared with another version"):
        promotion.promote(target=stable(3), actor=promoter)


def test_what_was_compared_with_nothing_may_not(shelf: Shelf, promoter: Actor) -> None:
    shelf.compares()
    alone = shelf.certify(2)  # nothing was live then
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=promoter)
    assert BESIDE in refused(shelf, alone)


def test_what_is_live_may_be_certified_beside_nothing_again(live: Shelf) -> None:
    insert(live, live.certify(1))


def test_a_guardrail_alone_asks_for_the_comparison_too(live: Shelf, promoter: Actor) -> None:
    late = live.certify(3, beside=1)
    live.certify(2, beside=1)
    promotion.promote(target=stable(2), actor=promoter)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_gatepolicy SET spec = spec - 'margin' || "
            """'{"guardrails": {"tokens": 0.1}}'"""
        )
    assert BESIDE in refused(live, late)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_gatepolicy SET spec = spec - 'guardrails'")
    insert(live, late)  # a policy that compares nothing does not ask


def test_a_canary_is_compared_with_what_it_joins(live: Shelf, promoter: Actor) -> None:
    trial, late = live.certify(2, "trial", beside=1), live.certify(3, "trial", beside=1)
    insert(live, trial, "canary")
    live.certify(4, beside=1)
    promotion.promote(target=stable(4), actor=promoter)
    assert BESIDE in refused(live, late, "canary")


def test_canary_and_stable_move_together_in_one_release(live: Shelf, promoter: Actor) -> None:
    live.certify(2, "trial", beside=1)
    live.certify(3, beside=1)
    targets = [Target("greeting", "canary", 2, weight=10), stable(3)]
    assert len(promotion.release(targets=targets, actor=promoter)) == 2


def test_rollback_and_override_need_no_comparison(
    live: Shelf, promoter: Actor, admin: Actor
) -> None:
    live.certify(2, beside=1)
    promotion.promote(target=stable(2), actor=promoter)
    assert promotion.rollback(prompt="greeting", actor=promoter).event.version == live.version(1)
    promotion.override(target=stable(4), actor=admin, reason="the building burns")
    assert promotion.rollback(prompt="greeting", actor=admin).event.version == live.version(1)


def test_what_was_adopted_is_live_too(shelf: Shelf, promoter: Actor) -> None:
    shelf.compares()
    alone = shelf.certify(2)
    adoption = Adoption(shelf.prompt, "stable", shelf.version(1), shelf.model)
    promotion.adopt(adoptions=[adoption], commit="c" * 40)
    assert BESIDE in refused(shelf, alone)
    insert(shelf, shelf.certify(2, beside=1))


@pytest.fixture
def umpire(db: None) -> ModelVersion:
    """A measured model that judges."""
    return ModelVersion.objects.create(
        name="umpire", digest=digest("umpire"), pin={"name": "umpire"}, fingerprint="f" * 64
    )


@pytest.mark.parametrize("serves", ["e" * 64, ""], ids=["something else", "nobody knows"])
def test_a_judge_that_serves_something_else_is_no_evidence(
    serves: str, shelf: Shelf, umpire: ModelVersion
) -> None:
    judge = JudgeModel(umpire.name, umpire.digest, umpire.fingerprint)
    certificate = shelf.certify(1, judge_models=(judge,))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_modelversion SET fingerprint = %s WHERE name = 'umpire'", [serves]
        )
    assert "what judged then does not judge now" in refused(shelf, certificate)
    umpire.save()
    insert(shelf, certificate)
