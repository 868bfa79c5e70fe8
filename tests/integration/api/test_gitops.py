"""What is on its way between the ledger and the repository, for everybody who may know."""

from __future__ import annotations

import itertools

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from registry import access, outbox, promotion
from registry.channels import channels
from registry.domain.actor import SYSTEM
from registry.models import OutboxDelivery, TagRequest, WriteBack
from registry.promotion import Target
from tests.integration.registry.conftest import Shelf

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)


def reader(*prompts: str) -> APIClient:
    name = f"reader-{next(_numbers)}"
    _, secret = access.create_token(name=name, scopes=["read"], prompts=prompts, created_by="test")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def waiting(shelf: Shelf, settings: Settings) -> OutboxDelivery:
    """A move whose write-back failed once."""
    settings.WRITE_BACK, settings.REPOSITORY_REF = True, "main"
    promotion.override(target=Target("greeting", "stable", 1), actor=SYSTEM, reason="fire")
    outbox.route(channels(), timezone.now())
    row = OutboxDelivery.objects.get()
    row.attempts, row.last_error = 1, "https://git.example.org/p.git cannot be fetched"
    row.save()
    return row


def test_the_write_back_says_what_waits_and_why(waiting: OutboxDelivery) -> None:
    said = reader().get("/api/v1/write-back").json()
    assert (said["on"], said["branch"], said["waiting"]) == (True, "main", 1)
    assert said["last_error"] == waiting.last_error
    assert (said["waiting_since"] is not None, said["last_commit"], said["last_at"]) == (
        True,
        "",
        None,
    )
    limited = reader("greet*").get("/api/v1/write-back").json()
    assert (limited["waiting"], "git.example.org" in str(limited)) == (1, False)


def test_it_says_when_all_is_written(shelf: Shelf, settings: Settings) -> None:
    settings.WRITE_BACK = False
    WriteBack.objects.create(commit="c" * 40, base="b" * 40, moves=2)
    said = reader().get("/api/v1/write-back").json()
    assert (said["on"], said["waiting"], said["last_commit"]) == (False, 0, "c" * 40)


def test_messages_that_wait_or_were_given_up_are_listed(waiting: OutboxDelivery) -> None:
    [row] = reader().get("/api/v1/deliveries").json()["results"]
    assert (row["channel"], row["topic"]) == ("write-back", "tag.moved")
    assert (row["subject"], row["attempts"], row["dead_at"]) == ("greeting:stable", 1, None)
    assert row["last_error"] == waiting.last_error
    assert reader("greet*").get("/api/v1/deliveries").status_code == 403
    OutboxDelivery.objects.update(delivered_at=timezone.now())
    assert reader().get("/api/v1/deliveries").json()["results"] == []


def test_requests_are_shown_within_the_callers_prompts(shelf: Shelf) -> None:
    for prompt in ("greeting", "secret"):
        TagRequest.objects.create(
            prompt=prompt, tag="stable", version=3, commit="c" * 40, author="ada@example.org"
        )
    found = reader().get("/api/v1/tag-requests").json()["results"]
    assert [one["prompt"] for one in found] == ["secret", "greeting"]
    assert (found[0]["version"], found[0]["status"]) == (3, "waiting")
    seen = reader("greet*").get("/api/v1/tag-requests").json()["results"]
    assert [one["prompt"] for one in seen] == ["greeting"]
