"""API tokens: shown once, kept as a digest, limited in scope, prompts and time."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from typer.testing import CliRunner

from assay.main import app
from config import admin
from registry import access
from registry.access import TokenInvalidError, TokenUnknownError
from registry.errors import CredentialsInvalidError
from registry.models import ApiToken
from tests.integration.api.conftest import EVERYTHING, bearer, problem, token_client
from tests.integration.registry.conftest import Shelf

_numbers = itertools.count(1)


def create(**changes: Any) -> tuple[ApiToken, str]:
    arguments: dict[str, Any] = {
        "name": f"ci-{next(_numbers)}",
        "scopes": ["lookup"],
        "created_by": "test",
        **changes,
    }
    return access.create_token(**arguments)


def test_the_secret_is_long_random_and_recognisable(db: None) -> None:
    secrets = {create()[1] for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert re.fullmatch(r"assay_[A-Za-z0-9_-]{43}", secret)


def test_only_the_whole_digest_is_kept(db: None) -> None:
    row, secret = create()
    assert row.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret.startswith(row.hint)
    assert len(row.hint) == len("assay_") + 4


def test_a_secret_that_differs_in_one_place_is_another(db: None) -> None:
    _, secret = create()
    assert bearer(secret).get("/api/v1/me").status_code == 200
    for at in range(len(secret)):
        other = secret[:at] + ("A" if secret[at] != "A" else "B") + secret[at + 1 :]
        with pytest.raises(CredentialsInvalidError):
            access.authenticate_token(other, now=timezone.now())
    for other in (secret[:-1], secret + "A", secret.upper(), secret.removeprefix("assay_")):
        problem(bearer(other).get("/api/v1/me"), 401, "authentication_failed")


def test_it_ends_at_its_time_to_the_second(db: None) -> None:
    now = timezone.now()
    row, secret = create(name="ci", expires_at=now)
    assert access.authenticate_token(secret, now=now - timedelta(seconds=1)).name == "token:ci"
    for late in (timedelta(0), timedelta(seconds=1), timedelta(days=999)):
        with pytest.raises(CredentialsInvalidError):
            access.authenticate_token(secret, now=now + late)
    assert row.expires_at == now


def test_revoking_works_at_once_and_keeps_the_first_time(db: None) -> None:
    row, secret = create()
    client, now = bearer(secret), timezone.now()
    assert client.get("/api/v1/me").status_code == 200
    access.revoke_token(token_id=row.pk, by="test", now=now)
    problem(client.get("/api/v1/me"), 401, "authentication_failed")
    again = access.revoke_token(token_id=row.pk, by="test", now=now + timedelta(days=1))
    assert again.revoked_at == now
    with pytest.raises(TokenUnknownError):
        access.revoke_token(token_id=row.pk + 1, by="test", now=now)


def test_unknown_revoked_and_expired_look_the_same_from_outside(db: None) -> None:
    row, revoked = create()
    access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
    _, expired = create(expires_at=timezone.now())
    bodies = {bearer(secret).get("/api/v1/me").content for secret in ("assay_x", revoked, expired)}
    assert len(bodies) == 1


def test_last_used_is_kept_to_the_minute(db: None) -> None:
    row, secret = create()
    start = timezone.now()
    for seconds, expected in [(0, 0), (30, 0), (60, 0), (61, 61), (90, 61), (500, 500)]:
        access.authenticate_token(secret, now=start + timedelta(seconds=seconds))
        row.refresh_from_db()
        assert row.last_used_at == start + timedelta(seconds=expected)


def test_a_refused_token_was_not_used(db: None) -> None:
    row, secret = create(expires_at=timezone.now())
    bearer(secret).get("/api/v1/me")
    row.refresh_from_db()
    assert row.last_used_at is None


def test_globs_limit_what_is_read_and_moved(certified: Shelf) -> None:
    inside = token_client(prompts=("greet*",))
    outside = token_client(prompts=("team/*", "greetin", "Greeting", "[!g]reeting"))
    paths = [f"/api/v1/prompts/greeting{tail}" for tail in ("/versions", "/tags", "/history")]
    for path in [*paths, "/api/v1/prompts/greeting/diff?old=1&new=2"]:
        assert inside.get(path).status_code == 200
        body = problem(outside.get(path), 403, "not_allowed")
        assert "is limited to team/*" in body["detail"]
    promotions = "/api/v1/prompts/greeting/promotions"
    problem(outside.post(promotions, {"version": 1}), 403, "not_allowed")
    assert inside.post(promotions, {"version": 1}).status_code == 201
    assert inside.get("/prompt/greeting").status_code == 200
    problem(outside.get("/prompt/greeting"), 403, "not_allowed")


def test_a_token_that_makes_no_sense_is_not_made(db: None) -> None:
    senseless: list[tuple[dict[str, Any], str]] = [
        ({"scopes": []}, "a token needs a scope"),
        ({"scopes": ["root"]}, "unknown scope root"),
        ({"scopes": ["read", "Admin"]}, "unknown scope Admin"),
        ({"name": ""}, "a name of 1 to 100 characters"),
        ({"name": "   "}, "a name of 1 to 100 characters"),
        ({"name": "n" * 101}, "a name of 1 to 100 characters"),
        ({"prompts": ["p" * 201]}, "a glob of 1 to 200 characters"),
        ({"prompts": ["team/*", ""]}, "a glob of 1 to 200 characters"),
    ]
    for changes, sentence in senseless:
        with pytest.raises(TokenInvalidError, match=sentence):
            create(**changes)
    assert ApiToken.objects.count() == 0


def test_a_name_is_one_token_at_a_time(db: None) -> None:
    """The ledger says `token:ci`, so there must be no doubt who that was."""
    row, secret = create(name="ci")
    for again in ("ci", " ci "):
        with pytest.raises(TokenInvalidError) as refused:
            create(name=again)
        assert refused.value.message == f"there is a token 'ci' already: number {row.pk}"
        assert refused.value.hint.endswith(f"assay token revoke {row.pk}")
    assert bearer(secret).get("/api/v1/me").status_code == 200
    access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
    successor, _ = create(name="ci")
    assert access.live_token("ci") == successor


def test_an_expired_token_keeps_its_name_until_it_is_revoked(db: None) -> None:
    row, _ = create(name="ci", expires_at=timezone.now())
    with pytest.raises(TokenInvalidError, match=f"number {row.pk}"):
        create(name="ci")


def test_the_command_says_in_one_line_which_token_has_the_name(db: None) -> None:
    command = ["token", "create", "ci", "--scope", "read"]
    data = {"ASSAY_DATA": os.environ["ASSAY_DATA"]}
    assert CliRunner().invoke(app, command, env=data).exit_code == 0
    refused = CliRunner().invoke(app, command, env=data)
    number = ApiToken.objects.get().pk
    assert (refused.exit_code, refused.stdout) == (2, "")
    hint = f"take another name, or end that one first: assay token revoke {number}"
    line = f"error: there is a token 'ci' already: number {number} ({hint})"
    assert refused.stderr.splitlines() == [line]


def test_the_demo_ends_the_token_of_the_demo_before(db: None) -> None:
    first, second = (admin.token_renew("demo", ["lookup"], expires_days=1) for _ in range(2))
    assert bearer(first["token"]).get("/api/v1/me").status_code == 401
    assert bearer(second["token"]).get("/api/v1/me").status_code == 200
    assert access.live_token("demo") == ApiToken.objects.get(pk=second["id"])


def test_scopes_are_kept_once_and_in_order(db: None) -> None:
    row, _ = create(scopes=["admin", "read", "read", "lookup"])
    assert row.scopes == ["lookup", "read", "admin"]


def test_each_scope_is_only_itself(shelf: Shelf) -> None:
    """`admin` alone cannot even look up: a token lists what it needs."""
    client = token_client("admin")
    problem(client.get("/api/v1/prompts/greeting"), 403, "not_allowed")
    assert client.get("/api/v1/me").json()["scopes"] == ["admin"]
    assert len(EVERYTHING) == 5


def test_a_session_and_a_token_together_are_the_token(db: None) -> None:
    _, secret = create(name="robot")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"bearer {secret}")
    assert client.get("/api/v1/me").json()["name"] == "token:robot"
