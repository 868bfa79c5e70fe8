"""The one-time link of the first start signs one person in, once; they choose a password."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from registry import access
from registry.models import OneTimeLink, User
from tests.integration.webui.conftest import BACKEND, PASSWORD, text_of

CHOICE = {"new_password1": PASSWORD, "new_password2": PASSWORD}


def new_link() -> str:
    link = access.first_admin_link("")
    assert link is not None
    return link


@pytest.fixture
def link(db: None) -> str:
    """The path of a fresh link of `admin`."""
    return new_link()


def test_from_the_link_to_the_overview(link: str) -> None:
    client = Client()
    assert "This link signs you in once, as admin (admin)" in text_of(client.get(link))
    answer = client.post(link, follow=True)
    assert answer.redirect_chain == [("/account/password/", 302)]
    answer = client.post("/account/password/", CHOICE, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "Your password is set. Overview" in text_of(answer)
    assert client.get("/").status_code == 200, "the session outlives the new password"
    again = Client()
    assert again.post("/login/", {"username": "admin", "password": PASSWORD}).status_code == 302


def test_looking_does_not_use_it_up(link: str) -> None:
    """Mail scanners and chat previews look at every link."""
    for method in ("get", "head", "get"):
        assert getattr(Client(), method)(link).status_code == 200
    assert OneTimeLink.objects.get().used_at is None
    assert Client().post(link).status_code == 302


def test_it_works_once(link: str) -> None:
    assert Client().post(link).status_code == 302
    for method in ("get", "post"):
        answer = getattr(Client(), method)(link)
        assert answer.status_code == 403
        assert "used already or is too old" in text_of(answer)
        assert "sessionid" not in answer.cookies


def test_it_is_too_old_after_an_hour(link: str) -> None:
    row = OneTimeLink.objects.get()
    assert timedelta(minutes=59) < row.expires_at - timezone.now() <= timedelta(hours=1)
    OneTimeLink.objects.update(expires_at=timezone.now())
    for method in ("get", "post"):
        assert getattr(Client(), method)(link).status_code == 403


def test_a_newer_link_ends_the_older(link: str) -> None:
    newer = new_link()
    assert Client().post(link).status_code == 403
    assert Client().post(newer).status_code == 302


def test_another_secret_opens_nothing(link: str) -> None:
    [row] = OneTimeLink.objects.all()
    for secret in ("x", row.digest, link.split("/")[2][:-1], "%00", "é", "..%2f"):
        assert Client().get(f"/welcome/{secret}/").status_code in {400, 403, 404}
    assert Client().get("/welcome/").status_code == 404


def test_it_is_not_kept_in_caches_and_not_told_to_others(link: str) -> None:
    answer = Client().get(link)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_using_it_needs_a_form_of_ours(link: str) -> None:
    assert Client(enforce_csrf_checks=True).post(link).status_code == 403
    assert OneTimeLink.objects.get().used_at is None


def test_who_is_signed_in_as_somebody_else_becomes_the_links_person(link: str) -> None:
    bob = User.objects.create_user("bob", password=PASSWORD)
    client = Client()
    client.force_login(bob, backend=BACKEND)
    before = client.cookies["sessionid"].value
    client.post(link)
    assert client.get("/api/v1/me").json()["name"] == "user:admin"
    assert client.cookies["sessionid"].value != before


def test_somebody_who_left_does_not_come_in_by_it(link: str) -> None:
    User.objects.update(is_active=False)
    client = Client()
    client.post(link)
    assert client.get("/").status_code == 302


def test_no_more_links_once_somebody_can_sign_in(link: str) -> None:
    client = Client()
    client.post(link)
    assert access.first_admin_link("") is not None, "used, but no password was chosen: a way back"
    client.post("/account/password/", CHOICE)
    assert access.first_admin_link("") is None


def test_no_link_where_people_exist_already(db: None) -> None:
    User.objects.create_user("bob", password=PASSWORD)
    assert access.first_admin_link("") is None
    assert not User.objects.filter(username="admin").exists()


# --- The password ---


@pytest.fixture
def newcomer(link: str) -> Client:
    """Came in by the link, has no password yet."""
    client = Client()
    client.post(link)
    return client


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("short", "short", "at least 12 characters"),
        ("password1234", "password1234", "too common"),
        (PASSWORD, PASSWORD + "x", "match"),
        ("", "", "This field is required"),
    ],
)
def test_a_weak_password_is_refused(
    first: str, second: str, sentence: str, newcomer: Client
) -> None:
    body = {"new_password1": first, "new_password2": second}
    answer = newcomer.post("/account/password/", body)
    assert answer.status_code == 200
    assert sentence in text_of(answer)
    assert not User.objects.get().has_usable_password()


def test_a_password_can_be_any_long_text(newcomer: Client) -> None:
    strange = "  пароль и пробелы 🙂 <b>  "
    body = {"new_password1": strange, "new_password2": strange}
    assert newcomer.post("/account/password/", body).status_code == 302
    assert User.objects.get().check_password(strange)


def test_who_has_a_password_cannot_set_another_here(browser: Client, ada: User) -> None:
    """A stolen session must not take the account over."""
    new = "another long password"
    body = {"new_password1": new, "new_password2": new}
    for answer in (browser.get("/account/password/"), browser.post("/account/password/", body)):
        assert answer.headers["Location"] == "/"
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert "You have a password already." in text_of(browser.get("/"))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_click_at_once_one_comes_in() -> None:
    path = new_link()
    start = Barrier(4)

    def click(_: int) -> int:
        try:
            start.wait(timeout=30)
            return Client().post(path).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(click, range(4))) == [302, 403, 403, 403]
