"""Moves of tags come back into the repository as commits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from registry import lookup, promotion, sync
from registry.domain.actor import Actor
from registry.domain.certificate_file import parse_certificates
from registry.models import (
    MirrorAlarm,
    OutboxMessage,
    SyncRun,
    WriteBack,
)
from registry.promotion import Target
from registry.writeback import composing, ledger, service
from tests.integration.registry.certified_repository import certify, promote
from tests.integration.registry.shared_repository import SharedRepository
from tests.integration.registry.writing_back import TAGS, alarm, override, relay, repository

__all__ = ["repository"]

pytestmark = pytest.mark.django_db(transaction=True)

CERTIFICATE = "certificates/greet/v1@tiny.json"


def test_a_promotion_is_one_commit_with_its_certificate(
    repository: SharedRepository, promoter: Actor
) -> None:
    certificate = certify()
    before = repository.tip
    move = promote(promoter)
    assert relay() == 1
    assert repository.file("tags.yaml") == TAGS.replace(
        "stable: {version: v2, model: tiny} ", "stable: {version: v1, model: tiny} "
    )
    read = parse_certificates(CERTIFICATE, repository.file(CERTIFICATE).encode())
    [record] = read.certificates
    assert (record.digest, record.run) == (certificate.digest, str(certificate.run))
    assert read.digest_of(record) == certificate.digest, "JSON and back proves the same"
    [carried] = [one for one in read.moves if one.tag == "stable"]
    assert (carried.sequence, carried.actor) == (2, "user:petra")
    assert carried.registry_revision == move.event.registry_revision
    message = repository.message()
    assert message.startswith("Point greet:stable at v1.\n")
    assert "- greet:stable v2 -> v1 on tiny, promoted by user:petra" in message
    assert f"\nAssay-Write-Back: {move.event.registry_revision}" in message
    written = WriteBack.objects.get()
    assert (written.commit, written.base, written.moves) == (repository.tip, before, 1)


def test_a_write_back_is_followed_and_makes_no_difference(
    repository: SharedRepository, promoter: Actor
) -> None:
    certify()
    promote(promoter)
    relay()
    tip = repository.tip
    run = sync.sync()
    assert (run.status, run.commit, list(run.findings.all())) == ("applied", tip, [])
    assert relay() == 0
    assert (repository.tip, OutboxMessage.objects.filter(delivered_at=None).count()) == (tip, 0)


def test_moves_that_wait_are_one_commit_that_says_what_is_live(
    repository: SharedRepository, admin: Actor
) -> None:
    override(admin, "stable", 1)
    override(admin, "beta", 2)
    promotion.clear(prompt="greet", tag="canary", actor=admin)
    promotion.rollback(prompt="greet", actor=admin)
    assert (relay(), repository.commits()) == (4, 2)
    assert repository.file("tags.yaml") == TAGS.replace(
        "  canary: {version: v1,  model: tiny, weight: 25}\n",
        "  beta: {version: v2, model: tiny}\n",
    )
    assert repository.message().startswith("Write back 4 moves of tags.\n")


def test_a_reason_cannot_write_trailers_of_its_own(
    repository: SharedRepository, admin: Actor
) -> None:
    target = Target("greet", "stable", 1)
    promotion.override(target=target, actor=admin, reason="ok\n\nSigned-off-by: somebody else")
    relay()
    assert repository.message().count("\n\n") == 2


def test_what_others_pushed_meanwhile_stays(
    repository: SharedRepository, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pushes between our look and our push: the commit is built again on theirs."""
    theirs: list[str] = []
    compose = composing.changed_files

    def with_company(*args):
        if not theirs:
            theirs.append(repository.write({"README.md": "news"}).commit())
        return compose(*args)

    monkeypatch.setattr(f"{service.__name__}.changed_files", with_company)
    override(admin, "stable", 1)
    assert relay() == 1
    assert WriteBack.objects.get().base == theirs[0]
    assert "README.md" in repository.paths()
    assert "stable: {version: v1, model: tiny}" in repository.file("tags.yaml")


def test_two_installations_write_back_at_once(
    repository: SharedRepository, admin: Actor, tmp_path: Path, settings: Settings
) -> None:
    """Each with its own mirror: the slower one sees the other's commit and makes no difference."""
    override(admin, "stable", 1)
    ids = [message.payload["event"] for message in OutboxMessage.objects.all()]
    moves = ledger.moves(ids)
    service._write(moves)
    settings.DATA_DIR = tmp_path / "another"
    service._write(moves)
    assert repository.commits() == 2


@pytest.mark.parametrize(
    "text",
    [
        "greet: {stable: v2\n",
        "greet: &all\n  stable: {version: v2, model: tiny}\nteam/reply: *all\n",
        "\xff\xfe not text",
    ],
)
def test_a_tags_yaml_that_cannot_be_changed_safely_is_left_alone(
    repository: SharedRepository, admin: Actor, text: str
) -> None:
    repository.write({"tags.yaml": text.encode("latin-1")}).commit()
    tip = repository.tip
    override(admin, "stable", 1)
    assert (relay(), repository.tip) == (0, tip)
    assert "tags.yaml" in alarm(MirrorAlarm.Kind.WRITE_BACK)
    assert lookup.by_tag("greet").version.number == 1


def test_a_repository_without_tags_yaml_gets_one(
    repository: SharedRepository, admin: Actor
) -> None:
    repository.remove("tags.yaml").commit()
    override(admin, "stable", 1)
    assert relay() == 1
    assert repository.file("tags.yaml") == "greet:\n  stable: {version: v1, model: tiny}\n"


def test_nothing_is_written_back_unless_it_is_asked_for(
    repository: SharedRepository, admin: Actor, settings: Settings
) -> None:
    settings.WRITE_BACK = False
    override(admin, "stable", 1)
    assert (relay(), repository.commits()) == (0, 1)
    assert OutboxMessage.objects.filter(delivered_at=None).count() == 0


def test_the_certificate_file_can_be_read_by_everybody(
    repository: SharedRepository, promoter: Actor
) -> None:
    certify()
    promote(promoter)
    relay()
    read = json.loads(repository.file(CERTIFICATE))
    assert read["schema"] == "assay/certificates/v1"
    assert (read["prompt"], read["version"], read["model"]) == ("greet", 1, "tiny")
    assert SyncRun.objects.filter(status="failed").count() == 0
