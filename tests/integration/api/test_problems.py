"""Whatever goes wrong is problem+json with a status, a code and a sentence; never a traceback."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from config import failures
from registry import promotion
from tests.integration.api.conftest import bearer, problem, session_client, token_client
from tests.integration.registry.conftest import Shelf

PROMOTIONS = "/api/v1/prompts/greeting/promotions"
JSON = "application/json"


def post(client: APIClient, body: bytes | str, kind: str = JSON) -> Any:
    return client.generic("POST", PROMOTIONS, body, kind)  # type: ignore[arg-type]


NO_JSON = [
    b"{",
    b"nonsense",
    b'{"version": 1,}',
    b'{"version": NaN}',
    b'{"version": Infinity}',
    b'{"version": 1e999}',
    b'{"version": -1e999}',
    b'{"reason": ["x", {"y": 1%s.5}]}' % (b"0" * 400),
    b"{'version': 1}",
    b'{"version": 1} {"version": 2}',
    b'{"version": ' + b"9" * 5000 + b"}",
    b'{"reason": "\xff\xfe"}',
    b'{"reason": "half of \\ud83d"}',
    '{"version": 1}'.encode("utf-16"),
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"\0",
]


def test_a_body_that_is_no_json_is_400(shelf: Shelf, caller: APIClient) -> None:
    for body in NO_JSON:
        problem(post(caller, body), 400, "parse_error")


def test_a_body_of_another_shape_is_422(shelf: Shelf, caller: APIClient) -> None:
    for body in ("[]", "1", '"text"', "null", "[[]]"):
        problem(post(caller, body), 422, "invalid")


def test_the_codec_a_request_names_is_not_used(shelf: Shelf, caller: APIClient) -> None:
    """`charset=zlib` would unpack a megabyte to a gigabyte."""
    bomb = zlib.compress(b" " * 50_000_000)
    for charset in ("zlib", "bz2", "utf-16", "utf-7", "rot13", "unknown"):
        answer = post(caller, bomb, f"{JSON}; charset={charset}")
        problem(answer, 400, "parse_error")
    assert post(caller, '{"reason": "é"}', f"{JSON}; charset=latin-1").status_code == 422


def test_a_huge_body_is_refused_before_it_is_read(shelf: Shelf, caller: APIClient) -> None:
    body = problem(post(caller, b" " * 1_048_577), 413, "body_too_large")
    assert "1,048,576 bytes" in body["detail"]
    problem(post(caller, json.dumps({"reason": "x" * 1_000_000})), 422, "invalid")


def test_only_json_is_spoken(shelf: Shelf, caller: APIClient) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/xml", "", "x"):
        problem(post(caller, "version=1", kind), 415, "unsupported_media_type")
    problem(caller.post(PROMOTIONS, {"version": 1}, format="multipart"), 415, CODE_415)
    problem(caller.get("/api/v1/me", headers={"accept": "text/html"}), 406, "not_acceptable")
    problem(caller.get("/api/v1/me?format=api"), 404, "not_found")


CODE_415 = "unsupported_media_type"


def test_a_browser_gets_json_too_and_no_page_to_try_things(caller: APIClient) -> None:
    answer = caller.get("/api/v1/me", headers={"accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, JSON)


def test_a_method_that_does_not_exist_is_405_and_names_those_that_do(
    shelf: Shelf, caller: APIClient
) -> None:
    for method, path in [
        ("PUT", PROMOTIONS),
        ("GET", PROMOTIONS),
        ("DELETE", "/api/v1/prompts/greeting"),
        ("PATCH", "/api/v1/runs"),
        ("OPTIONS", "/api/v1/runs"),
        ("OPTIONS", PROMOTIONS),
    ]:
        answer = caller.generic(method, path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"]


def test_an_unknown_route_is_404_for_everybody(db: None, caller: APIClient) -> None:
    for client in (caller, APIClient()):
        for path in ("/api/v1/nothing", "/api/", "/api/v2/prompts", "/api/v1/runs/7", "/prompt/"):
            problem(client.get(path), 404, "route_unknown")
    assert b"/api/v1/nothing" not in caller.get("/api/v1/nothing").content


def test_without_credentials_it_is_401_and_says_how(shelf: Shelf) -> None:
    for client, code in [
        (APIClient(), "not_authenticated"),
        (bearer("assay_wrong"), "authentication_failed"),
        (bearer(""), "authentication_failed"),
        (bearer("x" * 100_000), "authentication_failed"),
        (bearer("' OR 1=1 --"), "authentication_failed"),
        (bearer("é\udcff"), "authentication_failed"),
    ]:
        answer = client.get("/api/v1/prompts/greeting")
        problem(answer, 401, code)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_another_scheme_is_no_credential(shelf: Shelf) -> None:
    for header in ("Basic YWRhOnB3", "Token abc", "assay_x", "Bearer", ""):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=header)
        assert client.get("/api/v1/me").status_code == 401, header


def test_a_missing_scope_is_403_and_names_it(shelf: Shelf) -> None:
    body = problem(token_client("lookup").get("/api/v1/prompts"), 403, "not_allowed")
    assert body["scope"] == "read"
    assert body["hint"] == "ask an admin for a token or role with read"
    body = problem(session_client("viewer").post(PROMOTIONS, {"version": 1}), 403, "not_allowed")
    assert body["scope"] == "promote"


def test_a_session_needs_its_csrf_token_to_write(certified: Shelf) -> None:
    client = session_client("admin", csrf=True)
    assert client.get("/api/v1/me").status_code == 200
    problem(client.post(PROMOTIONS, {"version": 1}), 403, "permission_denied")
    client.cookies["csrftoken"] = token = "c" * 32
    problem(client.post(PROMOTIONS, {"version": 1}), 403, "permission_denied")
    answer = client.post(PROMOTIONS, {"version": 1}, headers={"x-csrftoken": token})
    assert answer.status_code == 201


def test_a_token_needs_no_csrf_token(certified: Shelf) -> None:
    client = token_client("promote")
    client.handler.enforce_csrf_checks = True
    assert client.post(PROMOTIONS, {"version": 1}).status_code == 201


def test_the_unforeseen_is_500_without_a_word_about_it(
    certified: Shelf, caller: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("MARKED-SECRET in a local variable")

    monkeypatch.setattr(promotion, "promote", broken)
    answer = caller.post(PROMOTIONS, {"version": 1})
    body = problem(answer, 500, "internal_error")
    assert b"MARKED" not in answer.content
    assert "log" in body["hint"]


def test_a_host_that_is_not_ours_is_400(db: None, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["assay.example.org"]
    for path in ("/api/v1/me", "/healthz"):
        problem(Client().get(path, headers={"host": "evil.example"}), 400, "bad_request")
    page = Client().get("/login/", headers={"host": "evil.example"})
    assert (page.status_code, b"evil" in page.content) == (400, False)


def test_nul_in_an_address_is_400(caller: APIClient) -> None:
    for path in ("/api/v1/prompts/a%00b", "/api/v1/runs?prompt=%00", "/prompt/%00?tag=x"):
        problem(caller.get(path), 400, "bad_request")


def test_pages_fail_as_pages(db: None) -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    missing = client.get("/nothing/here")
    assert missing.status_code == 404
    assert missing.headers["Content-Type"].startswith("text/html")
    assert "There is nothing here." in missing.content.decode()
    forged = client.post("/login/", {"username": "ada"})
    assert (forged.status_code, "This form is too old" in forged.content.decode()) == (403, True)


def test_a_page_can_say_that_it_failed_while_the_database_is_what_failed(rf: Any) -> None:
    """Without the `db` fixture, so a query would be an error here."""
    answer = failures.failed(rf.get("/"))
    assert answer.status_code == 500
    assert "Something failed that should not." in answer.content.decode()


def test_every_answer_carries_the_security_headers(db: None, caller: APIClient) -> None:
    anonymous = Client()
    for answer in (
        caller.get("/api/v1/me"),
        caller.get("/api/v1/nothing"),
        anonymous.get("/login/"),
        anonymous.get("/nothing"),
        anonymous.get("/healthz"),
        anonymous.get("/static/webui/assay.css"),
        anonymous.get("/static/webui/mark.svg"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        answer.close()
    for framed in (caller.get("/api/v1/me"), anonymous.get("/login/")):
        assert framed.headers["X-Frame-Options"] == "DENY"
