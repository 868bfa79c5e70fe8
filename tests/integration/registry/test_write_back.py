"""Moves of tags come back into the repository as commits, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.db.models.signals import pre_save
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry import lookup, outbox, promotion, queries, sync, writeback
from registry.channels import channels
from registry.domain.actor import Actor
from registry.domain.certificate_file import parse_certificates
from registry.models import MirrorAlarm, OutboxDelivery, OutboxMessage, SyncRun, WriteBack
from registry.promotion import Target
from registry.writeback import composing, ledger, service
from tests.integration.registry.certified_repository import SUITED, certify, promote
from tests.integration.registry.shared_repository import SharedRepository

pytestmark = pytest.mark.django_db(transaction=True)

TAGS = """\
# What is live. Ask before you touch it.
greet:   # the greeter
  stable: {version: v2, model: tiny}   # since spring
  canary: {version: v1,  model: tiny, weight: 25}

team/reply:
  stable: v1
"""
CERTIFICATE = "certificates/greet/v1@tiny.json"


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> SharedRepository:
    """Followed already, with the write-back on."""
    made = SharedRepository(tmp_path)
    made.write(SUITED | {"tags.yaml": TAGS}).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    settings.WRITE_BACK = True
    sync.sync()
    relay()
    assert made.commits() == 1, "what was adopted is there already"
    return made


def relay() -> int:
    """What the worker does every few seconds. Returns how many messages arrived."""
    now = timezone.now()
    outbox.route(channels(), now)
    return sum(outbox.deliver(channel) for channel in channels())


def past() -> None:
    then = timezone.now() - timedelta(seconds=1)
    OutboxDelivery.objects.update(next_at=then)
    OutboxDelivery.objects.exclude(claim=None).update(claimed_until=then)


def override(actor: Actor, tag: str, version: int, prompt: str = "greet") -> None:
    promotion.override(target=Target(prompt, tag, version), actor=actor, reason="try it")


def alarm(kind: MirrorAlarm.Kind) -> str:
    return "; ".join(queries.open_alarms().filter(kind=kind).values_list("message", flat=True))


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


def killed_after(step: Callable[[], object]) -> None:
    """Relay in a process that is killed when `step` was done."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        step()
        relay()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_worker_killed_after_its_push_leaves_one_commit(
    repository: SharedRepository, admin: Actor
) -> None:
    def die_before_the_note() -> None:
        pre_save.connect(lambda **_: os.kill(os.getpid(), signal.SIGKILL), WriteBack, weak=False)

    override(admin, "stable", 1)
    killed_after(die_before_the_note)
    assert repository.commits() == 2
    tip = repository.tip
    past()
    assert (relay(), repository.tip) == (1, tip)
    assert writeback.status().waiting == 0


def test_a_move_stands_while_the_remote_is_away_and_is_written_when_it_is_back(
    repository: SharedRepository, admin: Actor
) -> None:
    away = repository.bare.with_name("away.git")
    repository.bare.rename(away)
    override(admin, "stable", 1)
    assert relay() == 0
    assert lookup.by_tag("greet").version.number == 1
    status = writeback.status()
    assert (status.is_on, status.branch, status.waiting) == (True, "main", 1)
    assert "cannot be fetched" in status.last_error
    assert alarm(MirrorAlarm.Kind.WRITE_BACK) == ""
    OutboxMessage.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    past()
    relay()
    assert "1 move is not written back" in alarm(MirrorAlarm.Kind.WRITE_BACK)
    away.rename(repository.bare)
    past()
    assert relay() == 1
    assert "stable: {version: v1, model: tiny}" in repository.file("tags.yaml")
    assert alarm(MirrorAlarm.Kind.WRITE_BACK) == ""
    status = writeback.status()
    assert (status.waiting, status.last_error, status.last_commit) == (0, "", repository.tip)


def test_a_protected_branch_rings_at_once_with_the_hosts_own_words(
    repository: SharedRepository, admin: Actor
) -> None:
    repository.protect()
    override(admin, "stable", 1)
    assert (relay(), repository.commits()) == (0, 1)
    told = alarm(MirrorAlarm.Kind.WRITE_BACK)
    assert "pre-receive hook declined" in told
    assert "changes go through a pull request" in told
    repository.unprotect()
    past()
    assert relay() == 1
    assert alarm(MirrorAlarm.Kind.WRITE_BACK) == ""


def test_a_force_push_in_between_is_not_undone(
    repository: SharedRepository, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our commit must not bring back what somebody took away while it was being made."""
    first = repository.head
    secret = repository.write({"secret.txt": "oops"}).commit()
    compose = composing.changed_files

    def taken_back(*args):
        if repository.tip == secret:
            repository.force_push(first)
            repository.push(force=True)
        return compose(*args)

    monkeypatch.setattr(f"{service.__name__}.changed_files", taken_back)
    override(admin, "stable", 1)
    assert relay() == 1
    assert "secret.txt" not in repository.paths()
    assert WriteBack.objects.get().base == first
    assert alarm(MirrorAlarm.Kind.HISTORY_REWRITTEN)


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


def test_a_link_in_the_place_of_tags_yaml_is_not_replaced(
    repository: SharedRepository, admin: Actor
) -> None:
    repository.remove("tags.yaml").symlink("tags.yaml", "/etc/passwd").commit()
    tip = repository.tip
    override(admin, "stable", 1)
    assert (relay(), repository.tip) == (0, tip)
    assert "a symbolic link is never followed" in alarm(MirrorAlarm.Kind.WRITE_BACK)


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
