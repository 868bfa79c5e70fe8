"""A repository with the write-back on, and the worker that writes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry import outbox, promotion, queries, sync
from registry.channels import channels
from registry.domain.actor import Actor
from registry.models import MirrorAlarm, OutboxDelivery
from registry.promotion import Target
from tests.integration.registry.certified_repository import SUITED
from tests.integration.registry.shared_repository import SharedRepository

TAGS = """\
# What is live. Ask before you touch it.
greet:   # the greeter
  stable: {version: v2, model: tiny}   # since spring
  canary: {version: v1,  model: tiny, weight: 25}

team/reply:
  stable: v1
"""


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
