"""S10: seed marked secrets, use everything, then look for them everywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from registry import access
from registry.models import User
from tests.integration.api.access_table import ADMINISTRATORS, TABLE
from tests.integration.api.conftest import bearer, token_client
from tests.integration.registry.conftest import Shelf

PASSWORD = "correct horse MARKED battery"
#: Parts of field names that would give something away, and the honest names that have them.
TELLING = ("hash", "secret", "password", "token", "key", "credential", "session")
HONEST = frozenset({"prompt_tokens", "completion_tokens", "tokens", "tokenizer_revision"})


def everything_at_rest() -> str:
    """Every row of every table, as text."""
    rows: list[str] = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT t::text FROM {table} t")
            rows += [f"{table} {row[0]}" for row in cursor.fetchall()]
    return "\n".join(rows)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the configured handler would write, formatted as it would."""
    [handler] = [found for found in logging.getLogger().handlers if found.name == "stderr"]
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(handler.format(record))

    kept = Kept(level=logging.DEBUG)
    kept.filters = list(handler.filters)
    logging.getLogger().addHandler(kept)
    yield lines
    logging.getLogger().removeHandler(kept)


def test_a_tokens_secret_is_nowhere(
    certified: Shelf, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row, secret = access.create_token(
        name="ci", scopes=["lookup", "read", "promote"], created_by="test"
    )
    client = bearer(secret)
    answers = [
        client.post("/api/v1/prompts/greeting/promotions", {"version": 1}),
        client.post("/api/v1/prompts/greeting/promotions", {"version": 9}),
        client.get("/api/v1/prompts/greeting"),
        client.get("/api/v1/me"),
        client.get("/api/v1/runs"),
        client.post("/api/v1/runs", {}),
        client.get("/api/v1/nothing"),
        client.generic("POST", "/api/v1/releases", "{", "application/json"),
    ]
    access.revoke_token(token_id=row.pk, by="test", now=row.created_at)
    answers.append(client.get("/api/v1/me"))
    rest = secret.removeprefix("assay_")[4:]
    for text in (everything_at_rest(), "\n".join(logged)):
        assert secret not in text
        assert rest not in text
        assert "Bearer" not in text
    for answer in answers:
        assert rest.encode() not in answer.content
        assert row.digest.encode() not in answer.content
    assert logged


def test_a_password_and_a_link_are_nowhere(db: None, logged: list[str], settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    link = access.first_admin_link("http://testserver")
    assert link is not None
    secret = link.rstrip("/").rsplit("/", 1)[1]
    strict = Client(enforce_csrf_checks=True)
    strict.post(link)  # refused, and logged with its path
    strict.put(link)
    Client().get(link + "more")
    client = Client()
    client.get(link)
    client.post(link)
    client.post(link)  # used up: refused, and logged
    client.post("/account/password/", {"new_password1": PASSWORD, "new_password2": PASSWORD})
    client.post("/logout/")
    client.post("/login/", {"username": "admin", "password": PASSWORD + " not quite"})
    client.post("/login/", {"username": "admin", "password": PASSWORD})
    assert User.objects.get().has_usable_password()
    for text in (everything_at_rest(), "\n".join(logged)):
        assert "MARKED" not in text
        assert secret not in text
    assert "/welcome/…" in "\n".join(logged)


def fields(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from fields(item)


def test_no_answer_has_a_field_for_a_secret(certified: Shelf, caller: APIClient) -> None:
    caller.post("/api/v1/prompts/greeting/promotions", {"version": 1})
    seen: set[str] = set()
    for path in (
        *("me", "prompts", "models", "runs", "prompts/greeting", "prompts/greeting/tags"),
        *("prompts/greeting/versions", "prompts/greeting/history"),
        "prompts/greeting/diff?old=1&new=2",
    ):
        answer = caller.get(f"/api/v1/{path}")
        assert answer.status_code == 200, path
        seen |= set(fields(answer.json()))
    assert len(seen) > 40
    assert not {name for name in seen - HONEST if any(word in name for word in TELLING)}


def test_the_digest_of_a_token_is_no_token(db: None) -> None:
    """Elsewhere stored password hashes were accepted at login."""
    row, _ = access.create_token(name="ci", scopes=["admin"], created_by="test")
    assert bearer(row.digest).get("/api/v1/me").status_code == 401
    assert bearer(row.hint).get("/api/v1/me").status_code == 401


def test_names_and_reasons_come_back_as_they_were_sent(certified: Shelf) -> None:
    """JSON is data: escaping is the page's business, and nothing is lost on the way."""
    hostile = '<script>alert("1")</script> \u2028 é 🙂 \\u0000 \' OR 1=1 --'
    client = token_client(name="<b>ci</b>")
    answer = client.post("/api/v1/prompts/greeting/promotions", {"version": 1, "reason": hostile})
    assert answer.json()["reason"] == hostile
    assert answer.json()["actor"] == "token:<b>ci</b>"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(answer.content)["reason"] == hostile


def test_tokens_and_people_are_listed_to_administrators_and_on_pages_only() -> None:
    words = ("token", "user", "people", "access")
    about = [row for row in TABLE if any(word in row.route for word in words)]
    assert {row.route.removeprefix("page-") for row in about} == {
        *("tokens", "revoke-token", "people", "access-ledger")
    }
    assert {row.who for row in about} == {ADMINISTRATORS}
