"""The database itself refuses what must never be true, a shell or not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.digest import digest
from registry import promotion
from registry.domain.actor import Actor
from registry.models.ledger import Tag, TagEvent
from tests.integration.registry.conftest import Shelf, make_shelf, stable


def _refused(sql: str, *values: str | int | None) -> str:
    with (
        pytest.raises(DatabaseError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)
    return str(refusal.value)


@pytest.fixture
def live(shelf: Shelf, promoter: Actor) -> Shelf:
    for number in (1, 2):
        shelf.certify(number)
        promotion.promote(target=stable(number), actor=promoter)
    return shelf


_EVENT = """
INSERT INTO registry_tagevent (prompt_id, tag, sequence, previous_id, kind, version_id, model_id,
  actor, role, reason, certificate_id, restores_id, commit, registry_revision, created_at)
SELECT prompt_id, tag, sequence + 1, id, %s, %s, model_id, 'shell', %s, %s, %s, %s, '', 99, now()
FROM registry_tagevent WHERE prompt_id = %s ORDER BY sequence DESC LIMIT 1
"""


@pytest.mark.parametrize("kind", ["promoted", "rolled_back", "overridden", "adopted", "moved"])
def test_an_entry_without_evidence_cannot_be_inserted(live: Shelf, kind: str) -> None:
    refusal = _refused(
        _EVENT, kind, live.version(3).pk, "promoter", "because", None, None, live.prompt.pk
    )
    assert "event_has_its_evidence" in refusal


_TOLD = _EVENT.replace("'', 99", "'" + "c" * 40 + "', 99")


@pytest.mark.parametrize("kind", ["adopted", "overridden"])
def test_what_a_commit_tells_cannot_move_a_tag(live: Shelf, kind: str) -> None:
    args = (live.version(3).pk, "admin", "the repository says so", None, None, live.prompt.pk)
    assert "cannot move a tag that is set" in _refused(_TOLD, kind, *args)


def _told(shelf: Shelf, kind: str, **changed: Any) -> promotion.RecalledMove:
    rests = {"certificate": None, "model": shelf.model, "reason": "so it was"} | changed
    return promotion.RecalledMove(
        revision=1,
        at=timezone.now(),
        prompt=shelf.prompt,
        tag="stable",
        entry=promotion.Entry(TagEvent.Kind(kind), shelf.version(1), **rests),
        actor="user:ada",
        role="admin",
        commit="c" * 40,
    )


def _recall_refused(*moves: promotion.RecalledMove) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        promotion.recall(moves)
    return str(refusal.value)


def test_what_a_commit_tells_rests_on_something_too(shelf: Shelf) -> None:
    other = shelf.certify(2)
    assert "restores an earlier entry" in _recall_refused(_told(shelf, "rolled_back"))
    assert "event_has_its_evidence" in _recall_refused(_told(shelf, "overridden", reason=""))
    assert "about something else" in _recall_refused(_told(shelf, "promoted", certificate=other))
    first, back = _told(shelf, "adopted"), _told(shelf, "rolled_back", model=None)
    moved = dataclasses.replace(back, revision=2, restores=1)
    assert "restores an earlier entry" in _recall_refused(first, moved)
    elsewhere = dataclasses.replace(first, prompt=make_shelf("farewell").prompt)
    assert "belongs to another prompt" in _recall_refused(elsewhere)


def test_a_new_tag_points_at_the_last_that_is_told(shelf: Shelf) -> None:
    first = TagEvent(pk=1, prompt=shelf.prompt, tag="stable", sequence=1, registry_revision=1)
    second = TagEvent(pk=2, prompt=shelf.prompt, tag="stable", sequence=2, registry_revision=2)
    second.previous = first
    for event in (first, second):
        event.kind, event.version, event.commit = "adopted", shelf.version(1), "c" * 40
        event.save(force_insert=True)
    with pytest.raises(DatabaseError, match="steps from one"), transaction.atomic():
        Tag.objects.create(prompt=shelf.prompt, name="stable", event=first, revision=1)
    Tag.objects.create(prompt=shelf.prompt, name="stable", event=second, revision=2)


def test_an_override_needs_role_and_reason(live: Shelf) -> None:
    args = (live.version(3).pk, "admin", "", None, None, live.prompt.pk)
    assert "event_has_its_evidence" in _refused(_EVENT, "overridden", *args)


def test_somebody_elses_certificate_is_no_evidence(live: Shelf) -> None:
    borrowed = live.certify(1)
    args = (live.version(3).pk, "promoter", "", borrowed.pk, None, live.prompt.pk)
    assert "certificate is about something else" in _refused(_EVENT, "promoted", *args)


def test_an_expired_certificate_is_no_evidence(live: Shelf) -> None:
    certificate = live.certify(3)
    live.model.fingerprint = digest("drift")
    live.model.save()
    args = (live.version(3).pk, "promoter", "", certificate.pk, None, live.prompt.pk)
    assert "expired" in _refused(_EVENT, "promoted", *args)


def test_a_canarys_certificate_is_no_evidence_for_stable(live: Shelf) -> None:
    trial = live.certify(3, policy="trial")
    args = (live.version(3).pk, "promoter", "", trial.pk, None, live.prompt.pk)
    assert "does not guard this tag" in _refused(_EVENT, "promoted", *args)


def test_a_rollback_restores_an_earlier_entry_of_its_own_tag(live: Shelf) -> None:
    first = live.prompt.events.get(sequence=1)
    args = (live.version(3).pk, "promoter", "", None, first.pk, live.prompt.pk)
    assert "restores an earlier entry" in _refused(_EVENT, "rolled_back", *args)


def test_another_prompts_version_cannot_be_pointed_at(live: Shelf) -> None:
    other = make_shelf("farewell")
    args = (other.version(1).pk, "admin", "mine now", None, None, live.prompt.pk)
    assert "belongs to another prompt" in _refused(_EVENT, "overridden", *args)


def test_a_tag_cannot_be_pointed_past_the_ledger(live: Shelf) -> None:
    first = live.prompt.events.get(sequence=1)
    assert "newest ledger entry" in _refused(
        "UPDATE registry_tag SET event_id = %s WHERE prompt_id = %s", first.pk, live.prompt.pk
    )
    assert "steps from one ledger entry" in _refused(
        "UPDATE registry_tag SET event_id = %s, revision = 1 WHERE prompt_id = %s",
        first.pk,
        live.prompt.pk,
    )


def test_a_tag_cannot_be_deleted(live: Shelf) -> None:
    assert "not deleted" in _refused("DELETE FROM registry_tag")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE registry_tagevent SET reason = 'nicer'",
        "DELETE FROM registry_tagevent",
        "UPDATE registry_promptversion SET template = 'other'",
        "DELETE FROM registry_promptversion",
    ],
)
def test_history_cannot_be_edited(live: Shelf, sql: str) -> None:
    assert "append-only" in _refused(sql)


def test_a_certificate_can_only_expire_once(live: Shelf) -> None:
    live.certify(3)
    assert "only expire" in _refused("UPDATE registry_certificate SET suite_digest = 'x'")
    assert "only expire" in _refused("DELETE FROM registry_certificate")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_certificate SET expired_at = now(), expired_reason = 'x'")
    assert "only expire" in _refused("UPDATE registry_certificate SET expired_at = NULL")


def test_a_pin_keeps_its_identity(live: Shelf) -> None:
    assert "keeps its identity" in _refused("UPDATE registry_modelversion SET digest = 'x'")
