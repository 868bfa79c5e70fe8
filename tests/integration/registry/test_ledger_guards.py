"""The database itself refuses what must never be true, a shell or not."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from core.digest import digest
from registry import promotion
from registry.domain.actor import Actor
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
