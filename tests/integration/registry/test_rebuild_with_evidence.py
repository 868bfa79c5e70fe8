"""The repository alone brings back what was live, with the certificates it stands on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from core.digest import digest
from registry import lookup, outbox, promotion, rebuilding, sync
from registry.channels import channels
from registry.domain.actor import Actor
from registry.domain.certificate_file import proven_digest
from registry.models import Certificate, PromptVersion
from registry.models.ledger import Tag, TagEvent
from tests.integration.registry.certified_repository import SUITED, certify, measure, promote
from tests.integration.registry.shared_repository import SharedRepository

pytestmark = pytest.mark.django_db(transaction=True)

GATES = (
    "policies:\n  release: {min_cases: 30}\n  trial: {min_cases: 20}\n"
    "tags: {stable: release, canary: trial}\n"
)
TAGS = "team/reply:\n  stable: v1\ngreet:\n  stable: {version: v2, model: tiny}\n"
PATH = "certificates/greet/v1@tiny.json"
MOVES = "certificates/greet/@moves.json"


@pytest.fixture
def repository(
    tmp_path: Path, settings: Settings, promoter: Actor, admin: Actor
) -> SharedRepository:
    """A registry in use: greet v1 was certified and promoted, other tags were moved, all of it was
    written back.
    """
    made = SharedRepository(tmp_path)
    made.write(SUITED | {"tags.yaml": TAGS, "gates.yaml": GATES}).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    settings.WRITE_BACK = True
    sync.sync()
    certify()
    promotion.override(
        target=promotion.Target("greet", "canary", 2, weight=30), actor=admin, reason="look"
    )
    promote(promoter)
    outbox.route(channels(), timezone.now())
    assert sum(outbox.deliver(channel) for channel in channels()) == 4
    sync.sync()
    return made


def dump() -> dict[str, Any]:
    """What the repository knows; primary keys and times of rows are the database's own."""
    versions = PromptVersion.objects.order_by("prompt__name", "number")
    tags = Tag.objects.order_by("event__registry_revision")
    return {
        "versions": list(versions.values("prompt__name", "number", "digest", "template", "blob")),
        "tags": list(
            tags.values(
                *("prompt__name", "name", "event__version__number", "event__model__name"),
                *("event__weight", "event__certificate__digest"),
            )
        ),
        "certificates": list(
            Certificate.objects.filter(expired_at=None)
            .order_by("digest")
            .values(
                *("prompt_version__number", "model_version__digest", "fingerprint"),
                *("suite_digest", "policy", "policy_digest", "verdict", "run", "evidence"),
                *("digest", "issued_at", "valid_until"),
            )
        ),
    }


def lose_everything(settings: Settings, tmp_path: Path) -> None:
    call_command("flush", interactive=False)
    settings.DATA_DIR = tmp_path / "new"


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


def relay() -> None:
    """Write back what waits, and follow it."""
    outbox.route(channels(), timezone.now())
    for channel in channels():
        outbox.deliver(channel)
    sync.sync()


def test_the_ledgers_order_and_unused_certificates_come_back_too(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """Most moves here stand on nothing: overrides, a rollback, a tag set again. Then once more,
    after a move in the registry that came back.
    """

    def override(prompt: str, tag: str, version: int) -> None:
        target = promotion.Target(prompt, tag, version)
        promotion.override(target=target, actor=admin, reason="try it")

    override("team/reply", "beta", 1)
    override("greet", "alpha", 1)
    override("greet", "stable", 2)  # the certificate of v1 carries nothing any more
    override("team/reply", "beta", 1)
    promotion.clear(prompt="greet", tag="alpha", actor=admin)
    override("greet", "zeta", 2)
    override("greet", "zeta", 1)
    promotion.rollback(prompt="greet", tag="zeta", actor=admin)
    override("greet", "alpha", 2)
    relay()
    before = dump()
    assert [f"{tag['prompt__name']}:{tag['name']}" for tag in before["tags"]] == [
        *("team/reply:stable", "greet:canary", "greet:stable"),
        *("team/reply:beta", "greet:zeta", "greet:alpha"),
    ]
    assert len(before["certificates"]) == 1
    lose_everything(settings, tmp_path / "first")
    assert rebuilding.rebuild().findings == ()
    assert dump() == before
    override("team/reply", "stable", 1)
    relay()
    before = dump()
    assert before["tags"][-1]["prompt__name"] == "team/reply"
    lose_everything(settings, tmp_path / "second")
    rebuilding.rebuild()
    assert dump() == before


def test_a_file_of_moves_that_nobody_wrote_so_changes_no_order(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """Neither can it use up the numbers of the moves that follow."""
    before = dump()
    repository.pull()
    text = repository.file(MOVES)
    for number, (old, new) in enumerate(
        {
            '"registry_revision": ': f'"registry_revision": {2**60}',
            '"schema": "assay/moves/v1"': '"schema": "assay/moves/v9"',
            '"tag": "canary"': '"tag": 7',
            "{": "[",
        }.items()
    ):
        repository.write({MOVES: text.replace(old, new)}).commit("Trust me.")
        lose_everything(settings, tmp_path / str(number))
        rebuilding.rebuild()
        assert sorted(map(str, dump()["tags"])) == sorted(map(str, before["tags"]))
        promotion.override(
            target=promotion.Target("greet", "beta", 1), actor=admin, reason="it goes on"
        )
        assert TagEvent.objects.latest("registry_revision").registry_revision < 1000


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
