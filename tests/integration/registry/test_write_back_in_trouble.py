"""Moves of tags come back into the repository as commits whatever happens on the way."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models.signals import post_save
from django.utils import timezone

from registry import lookup, promotion, sync, writeback
from registry.domain.actor import Actor
from registry.models import (
    MirrorAlarm,
    OutboxMessage,
    TagRequest,
    WriteBack,
)
from registry.writeback import composing, service
from tests.integration.registry.shared_repository import SharedRepository
from tests.integration.registry.writing_back import alarm, override, past, relay, repository

__all__ = ["repository"]

pytestmark = pytest.mark.django_db(transaction=True)


def killed_after(step: Callable[[], object]) -> None:
    """Relay in a process in which `step` has laid how it is killed."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        step()
        relay()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die(*_: object, **__: object) -> bool:
    os.kill(os.getpid(), signal.SIGKILL)
    return True


def test_a_worker_killed_after_its_push_leaves_one_commit(
    repository: SharedRepository, admin: Actor
) -> None:
    def die_after_the_push() -> None:
        service._log.setLevel(logging.INFO)
        service._log.addFilter(die)

    override(admin, "stable", 1)
    killed_after(die_after_the_push)
    assert repository.commits() == 2
    tip = repository.tip
    promotion.rollback(prompt="greet", actor=admin)
    assert sync.sync().status == "applied"
    assert TagRequest.objects.count() == 0, "the sync knows the killed worker's commit"
    assert lookup.by_tag("greet").version.number == 2
    past()
    assert relay() == 2
    assert repository.commits() == 3
    assert WriteBack.objects.latest("id").base == tip
    assert writeback.status().waiting == 0


def test_a_worker_killed_before_its_push_leaves_nothing(
    repository: SharedRepository, admin: Actor
) -> None:
    def die_with_the_note() -> None:
        post_save.connect(die, WriteBack, weak=False)

    override(admin, "stable", 1)
    killed_after(die_with_the_note)
    assert repository.commits() == 1
    past()
    assert (relay(), repository.commits()) == (1, 2)
    assert writeback.status().last_commit == repository.tip


def test_a_commit_that_the_remote_did_not_take_is_not_ours(
    repository: SharedRepository, admin: Actor
) -> None:
    repository.protect()
    override(admin, "stable", 1)
    assert (relay(), WriteBack.objects.count()) == (0, 0)


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


def test_a_link_in_the_place_of_tags_yaml_is_not_replaced(
    repository: SharedRepository, admin: Actor
) -> None:
    repository.remove("tags.yaml").symlink("tags.yaml", "/etc/passwd").commit()
    tip = repository.tip
    override(admin, "stable", 1)
    assert (relay(), repository.tip) == (0, tip)
    assert "a symbolic link is never followed" in alarm(MirrorAlarm.Kind.WRITE_BACK)
