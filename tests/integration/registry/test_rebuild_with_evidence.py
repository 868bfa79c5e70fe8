"""The repository alone brings back what was live, with the certificates it stands on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from core.digest import digest
from registry import lookup, outbox, promotion, rebuilding, sync
from registry.channels import channels
from registry.domain.actor import Actor
from registry.domain.certificate_file import proven_digest
from tests.integration.registry.certified_repository import certify, measure, promote
from tests.integration.registry.lost_database import dump, followed, lose_everything
from tests.integration.registry.shared_repository import SharedRepository

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "certificates/greet/v1@tiny.json"


@pytest.fixture
def repository(
    tmp_path: Path, settings: Settings, promoter: Actor, admin: Actor
) -> SharedRepository:
    """A registry in use: greet v1 was certified and promoted, other tags were moved, all of it was
    written back.
    """
    made = followed(tmp_path, settings)
    certify()
    promotion.override(
        target=promotion.Target("greet", "canary", 2, weight=30), actor=admin, reason="look"
    )
    promote(promoter)
    outbox.route(channels(), timezone.now())
    assert sum(outbox.deliver(channel) for channel in channels()) == 4
    sync.sync()
    return made


def test_a_lost_database_comes_back_with_its_certificates(
    repository: SharedRepository, settings: Settings, tmp_path: Path
) -> None:
    before = dump()
    assert [tag["name"] for tag in before["tags"]] == ["stable", "canary", "stable"]
    lose_everything(settings, tmp_path)
    rebuilt = rebuilding.rebuild()
    assert dump() == before
    assert (rebuilt.commit, rebuilt.versions, rebuilt.tags) == (repository.tip, 3, 3)
    assert (rebuilt.proven, rebuilt.findings) == (1, ())
    answer = lookup.by_tag("greet")
    assert (answer.version.number, answer.proven) == (1, True)
    assert not lookup.by_tag("greet", "canary").proven


def test_nothing_is_written_back_after_a_rebuild(
    repository: SharedRepository, settings: Settings, tmp_path: Path
) -> None:
    tip = repository.tip
    lose_everything(settings, tmp_path)
    rebuilding.rebuild()
    outbox.route(channels(), timezone.now())
    assert sum(outbox.deliver(channel) for channel in channels()) == 3
    assert repository.tip == tip


def test_the_first_measurement_decides_whether_the_evidence_still_holds(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor
) -> None:
    lose_everything(settings, tmp_path)
    rebuilding.rebuild()
    measure()
    assert lookup.by_tag("greet").proven
    assert promote(promoter).event.certificate is not None, "it is as good as it was"
    measure(digest("something else"))
    assert not lookup.by_tag("greet").proven


def test_a_database_that_lives_is_not_rebuilt(repository: SharedRepository) -> None:
    with pytest.raises(rebuilding.NotEmptyError):
        rebuilding.rebuild()


def test_a_repository_that_cannot_be_reached_says_so(
    repository: SharedRepository, settings: Settings, tmp_path: Path
) -> None:
    lose_everything(settings, tmp_path)
    repository.bare.rename(tmp_path / "away")
    with pytest.raises(rebuilding.RebuildFailedError, match="cannot be fetched"):
        rebuilding.rebuild()


def forged(record: dict[str, Any]) -> None:
    """A change that keeps the record's own digest right."""
    record["evidence"] = {"passed": 1}
    record["suite_digest"] = digest("easier")
    names = ("prompt_digest", "model_digest", "fingerprint", "suite_digest", "policy")
    known = {name: record[name] for name in (*names, "policy_digest", "run", "evidence")}
    record["digest"] = proven_digest(prompt="greet", version=1, model="tiny", **known)


CHANGES = {
    "it was changed after it was issued": lambda one: one.update(evidence={"passed": 40}),
    "its suite reads differently now": forged,
    "it is too old": lambda one: one.update(valid_until="2026-01-01T00:00:00+00:00"),
    "no certificate of a model that passed": lambda one: one.update(verdict="FAIL"),
    "is not a certificate file": lambda one: one.update(issued_at="9999-12-31T23:59:59-14:00"),
    "for the gate policy release": lambda one: one.update(policy="trial"),
    "its judges are not readable": lambda one: one.update(evidence={"judge_models": 7}),
}


def test_evidence_that_does_not_match_leaves_the_tag_live_and_unproven(
    repository: SharedRepository, settings: Settings, tmp_path: Path
) -> None:
    repository.pull()
    text = repository.file(PATH)
    for number, (reason, change) in enumerate(CHANGES.items()):
        written = json.loads(text)
        change(written["certificates"][0])
        repository.write({PATH: json.dumps(written)}).commit("Trust me.")
        lose_everything(settings, tmp_path / str(number))
        rebuilt = rebuilding.rebuild()
        assert (rebuilt.proven, rebuilt.tags) == (0, 3), reason
        [finding] = rebuilt.findings
        assert reason in finding
        answer = lookup.by_tag("greet")
        assert (answer.version.number, answer.proven) == (1, False), reason
