"""`Idempotency-Key`: a write that is repeated happens once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from config.celery import app
from registry import access, promotion, tasks
from registry.models import IdempotencyRecord
from registry.models.ledger import TagEvent
from tests.integration.api.conftest import (
    PASSWORD_BACKEND,
    bearer,
    person,
    problem,
    session_client,
    token_client,
)
from tests.integration.registry.conftest import Shelf, make_shelf

PROMOTIONS = "/api/v1/prompts/greeting/promotions"


def move(client: APIClient, version: int = 1, key: str = "k1", path: str = PROMOTIONS) -> Any:
    return client.post(path, {"version": version}, headers={"idempotency-key": key})


def test_the_same_key_and_body_give_the_first_answer_again(
    certified: Shelf, caller: APIClient
) -> None:
    first, second = move(caller), move(caller)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["ETag"] == first.headers["ETag"] == '"1"'
    assert TagEvent.objects.count() == 1


def test_it_is_the_first_answer_even_when_the_tag_moved_on(
    certified: Shelf, caller: APIClient
) -> None:
    first = move(caller)
    assert move(caller, 2, "k2").status_code == 201
    assert move(caller).json() == first.json()
    assert TagEvent.objects.count() == 2


def test_another_body_path_or_method_with_the_key_is_refused(
    certified: Shelf, caller: APIClient
) -> None:
    move(caller)
    problem(move(caller, 2), 422, "idempotency_key_reused")
    problem(move(caller, path=f"{PROMOTIONS}?x=1"), 422, "idempotency_key_reused")
    canary = "/api/v1/prompts/greeting/canary"
    answer = caller.delete(canary, {"version": 1}, headers={"idempotency-key": "k1"})
    problem(answer, 422, "idempotency_key_reused")
    assert TagEvent.objects.count() == 1


def test_the_order_of_keys_in_a_body_does_not_matter(certified: Shelf, caller: APIClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    for body in ('{"version": 1, "reason": "x"}', '{ "reason":"x","version":1 }'):
        answer = caller.generic("POST", PROMOTIONS, body, "application/json", headers=headers)
        assert answer.status_code == 201
    assert TagEvent.objects.count() == 1


def test_an_error_is_not_saved(shelf: Shelf, caller: APIClient) -> None:
    problem(move(caller), 403, "not_certified")
    assert IdempotencyRecord.objects.count() == 0
    shelf.certify(1)
    assert move(caller).status_code == 201


def test_the_key_of_another_caller_is_another_key(certified: Shelf, caller: APIClient) -> None:
    assert move(caller).json()["revision"] == 1
    assert move(token_client("promote", name="other")).json()["revision"] == 2
    assert move(session_client("promoter")).json()["revision"] == 3


def test_a_later_token_of_the_same_name_is_another_caller(certified: Shelf) -> None:
    row, secret = access.create_token(name="deploy", scopes=["promote"], created_by="test")
    assert move(bearer(secret)).json()["revision"] == 1
    access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
    _, secret = access.create_token(
        name="deploy", scopes=["promote"], prompts=["other*"], created_by="test"
    )
    problem(move(bearer(secret)), 403, "not_allowed")
    _, secret = access.create_token(name="wide", scopes=["promote"], created_by="test")
    assert move(bearer(secret)).json()["revision"] == 2


def test_a_saved_answer_is_not_for_a_token_that_was_narrowed(certified: Shelf) -> None:
    row, secret = access.create_token(name="deploy", scopes=["promote"], created_by="test")
    assert move(bearer(secret)).status_code == 201
    row.prompts = ["other*"]
    row.save()
    problem(move(bearer(secret)), 403, "not_allowed")


def test_a_person_renamed_is_the_same_caller(certified: Shelf) -> None:
    user = person("promoter")
    client = APIClient(raise_request_exception=False)
    client.force_login(user, backend=PASSWORD_BACKEND)
    first = move(client)
    user.username = "renamed"
    user.save()
    assert move(client).json() == first.json()


def test_a_saved_answer_needs_the_scope_it_needed(certified: Shelf, caller: APIClient) -> None:
    move(caller)
    problem(move(token_client("read")), 403, "not_allowed")


def test_a_key_is_bounded_text(certified: Shelf, caller: APIClient) -> None:
    assert move(caller, key="k" * 255).status_code == 201
    for bad in ("k" * 256, "a\tb", "\x7f"):
        problem(move(caller, key=bad), 422, "idempotency_key_invalid")


def test_every_kind_of_write_knows_the_key(certified: Shelf, caller: APIClient) -> None:
    prompt = "/api/v1/prompts/greeting"
    writes = [
        ("post", f"{prompt}/promotions", {"version": 1}),
        ("post", f"{prompt}/promotions", {"version": 2}),
        ("post", f"{prompt}/rollbacks", {}),
        ("post", f"{prompt}/canary", {"version": 3, "weight": 5}),
        ("delete", f"{prompt}/canary", {}),
        ("post", f"{prompt}/overrides", {"version": 4, "reason": "fire"}),
        ("post", "/api/v1/releases", {"targets": [{"prompt": "greeting", "version": 1}]}),
    ]
    for number, (method, path, body) in enumerate(writes):
        for _ in range(2):
            headers = {"idempotency-key": f"key {number}"}
            answer = getattr(caller, method)(path, body, headers=headers)
            assert answer.status_code in {200, 201}, answer.content
    assert TagEvent.objects.count() == len(writes)


def test_a_crash_between_write_and_answer_leaves_neither(
    certified: Shelf, caller: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyRecord.objects, "create", crash)
        assert move(caller).status_code == 500
    assert TagEvent.objects.count() == 0
    assert move(caller).json()["revision"] == 1


def test_a_saved_answer_is_kept_for_a_week(certified: Shelf, caller: APIClient) -> None:
    move(caller, 1, "old")
    move(caller, 2, "new")
    now = timezone.now()
    for key, age in (("old", timedelta(days=7, minutes=1)), ("new", timedelta(days=6, hours=23))):
        IdempotencyRecord.objects.filter(key=key).update(created_at=now - age)
    tasks.tidy()
    assert [record.key for record in IdempotencyRecord.objects.all()] == ["new"]
    assert move(caller, 2, "new").headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in move(caller, 1, "old").headers


def test_tidying_is_done_every_hour() -> None:
    entry = app.conf.beat_schedule["registry.tidy"]
    assert (entry["task"], entry["schedule"]) == (tasks.tidy.name, 3600)


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_writes() -> None:
    make_shelf().certify(1)
    _, secret = access.create_token(name="ci", scopes=["promote"], created_by="test")
    start = threading.Barrier(6)

    def race(_: int) -> Any:
        try:
            start.wait(timeout=30)
            return move(bearer(secret))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(race, range(6)))
    for answer in answers:
        assert answer.status_code == 201 or problem(answer, 409, "idempotency_key_in_use")
    assert {answer.json()["event"] for answer in answers if answer.status_code == 201}
    assert TagEvent.objects.count() == IdempotencyRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_being_answered_the_second_is_told_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_shelf().certify(1)
    _, secret = access.create_token(name="ci", scopes=["promote"], created_by="test")
    inside, go_on = threading.Event(), threading.Event()
    promote = promotion.promote

    def slowly(**arguments: Any) -> promotion.TagMove:
        inside.set()
        assert go_on.wait(timeout=30)
        return promote(**arguments)

    monkeypatch.setattr(promotion, "promote", slowly)

    def first() -> Any:
        try:
            return move(bearer(secret))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(first)
        assert inside.wait(timeout=30)
        try:
            problem(move(bearer(secret)), 409, "idempotency_key_in_use")
        finally:
            go_on.set()
        assert answer.result().status_code == 201
    assert TagEvent.objects.count() == 1
