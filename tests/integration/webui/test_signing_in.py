"""Signing in by name and password, and what happens to those who guess."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from registry import access
from registry.models import User
from tests.integration.webui.conftest import PASSWORD, text_of

HERE, THERE = "192.0.2.1", "192.0.2.2"


def sign_in(password: str, name: str = "ada", address: str = HERE, **more: Any) -> Any:
    body = {"username": name, "password": password, **more}
    return Client(REMOTE_ADDR=address).post("/login/", body)


def test_the_right_password_opens_the_overview(ada: User) -> None:
    client = Client()
    assert "Sign in" in text_of(client.get("/login/"))
    answer = client.post("/login/", {"username": "ada", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "ada admin Sign out" in text_of(answer)
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_wrong_name_and_a_wrong_password_look_the_same(ada: User) -> None:
    pages = [sign_in("wrong"), sign_in("wrong", "nobody")]
    assert [page.status_code for page in pages] == [200, 200]
    first, second = (text_of(page) for page in pages)
    assert first == second
    assert "enter a correct" in first


def test_people_without_a_password_cannot_sign_in_with_none(db: None) -> None:
    user = User(username="eve", role="admin")
    user.set_unusable_password()
    user.save()
    for guess in ("", "!", user.password, "None"):
        assert sign_in(guess, "eve").status_code == 200
    assert user.last_login is None


def test_somebody_who_left_cannot_sign_in(ada: User, browser: Client) -> None:
    User.objects.update(is_active=False)
    assert sign_in(PASSWORD).status_code == 200
    assert browser.get("/").status_code == 302
    assert browser.get("/api/v1/me").status_code == 401


def test_next_leads_back_and_nowhere_else(ada: User) -> None:
    assert Client().get("/account/password/").headers["Location"] == (
        "/login/?next=/account/password/"
    )
    assert sign_in(PASSWORD, next="/?page=2").headers["Location"] == "/?page=2"
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"):
        assert sign_in(PASSWORD, next=elsewhere).headers["Location"] == "/"


def test_signing_out_needs_a_form_of_ours(browser: Client) -> None:
    assert browser.get("/logout/").status_code == 405
    assert browser.get("/").status_code == 200
    assert browser.post("/logout/").headers["Location"] == "/login/"
    assert browser.get("/").headers["Location"] == "/login/?next=/"


def test_a_changed_role_counts_at_once(browser: Client) -> None:
    body = {"version": 1, "reason": "fire"}
    path = "/api/v1/prompts/nobody/overrides"
    assert browser.post(path, body, "application/json").status_code == 404
    User.objects.update(role="viewer")
    assert browser.post(path, body, "application/json").status_code == 403


@pytest.fixture
def locked(ada: User) -> User:
    """Somebody tried as often as one may, from HERE."""
    answers = [sign_in(f"guess {number}") for number in range(settings.AXES_FAILURE_LIMIT)]
    assert [answer.status_code for answer in answers] == [200] * 9 + [429]
    return ada


def test_after_ten_guesses_even_the_right_password_waits(locked: User) -> None:
    answer = sign_in(PASSWORD)
    assert answer.status_code == 429
    assert "sessionid" not in answer.cookies
    assert "Too many attempts" in text_of(answer)
    assert "Wait 15 minutes" in text_of(answer)


def test_it_is_over_after_the_cool_off(locked: User) -> None:
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert sign_in(PASSWORD).status_code == 302


def test_others_are_not_locked_out_with_them(locked: User) -> None:
    User.objects.create_user("bob", password=PASSWORD)
    assert sign_in(PASSWORD, address=THERE).status_code == 302, "the same name from elsewhere"
    assert sign_in(PASSWORD, "bob").status_code == 302, "another name from the same place"


def test_a_header_does_not_change_where_one_comes_from(locked: User) -> None:
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"):
        answer = Client(REMOTE_ADDR=HERE).post(
            "/login/", {"username": "ada", "password": PASSWORD}, headers={header: "198.51.100.7"}
        )
        assert answer.status_code == 429, header


def test_a_script_gets_no_open_door(locked: User) -> None:
    answer = Client(REMOTE_ADDR=HERE).post(
        "/login/",
        {"username": "ada", "password": PASSWORD},
        headers={"X-Requested-With": "XMLHttpRequest"},
    )
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_tokens_and_sessions_go_on_working(locked: User) -> None:
    _, secret = access.create_token(name="ci", scopes=["read"], created_by="test")
    client = APIClient(REMOTE_ADDR=HERE)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get("/api/v1/prompts").status_code == 200


def test_success_forgets_the_failures_before(ada: User) -> None:
    for _ in range(3):
        for number in range(9):
            assert sign_in(f"guess {number}").status_code == 200
        assert sign_in(PASSWORD).status_code == 302
