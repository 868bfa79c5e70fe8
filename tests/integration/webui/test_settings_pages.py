"""Settings: tokens, people, webhooks, gates. Only admins change them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from core.errors import UnavailableError
from registry import access, outbox
from registry.access import LastAdminError
from registry.channels import channel
from registry.domain.actor import Scope
from registry.errors import CredentialsInvalidError
from registry.models import ApiToken, OutboxDelivery, OutboxMessage, Prompt, User
from tests.integration.registry.conftest import Shelf
from tests.integration.webui.conftest import BACKEND, PASSWORD, assert_nothing_inline, text_of

TOKENS, PEOPLE, WEBHOOKS = "/settings/tokens/", "/settings/people/", "/settings/webhooks/"
CHOICE = {"new_password1": PASSWORD, "new_password2": PASSWORD}


def made(answer) -> str:
    [secret] = re.findall(r"assay_[\w-]{43}", answer.content.decode())
    return str(secret)


def link_in(answer) -> str:
    [link] = re.findall(r"http://testserver(/welcome/[\w-]+/)", answer.content.decode())
    return str(link)


# --- Tokens ---


def test_a_token_is_made_with_scopes_and_globs_and_shown_once(browser: Client) -> None:
    assert "No program may call yet." in text_of(browser.get(TOKENS))
    form = {"name": "ci", "scope": ["read", "evaluate"], "prompts": "team/* chat", "days": "30"}
    answer = browser.post(TOKENS, form)
    assert_nothing_inline(answer)
    secret = made(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    actor = access.authenticate_token(secret, now=timezone.now())
    assert actor.scopes == {Scope.READ, Scope.EVALUATE}
    assert actor.prompts == ("team/*", "chat")
    row = ApiToken.objects.get()
    assert row.created_by == "user:ada"
    assert row.expires_at is not None
    assert 29 <= (row.expires_at - timezone.now()).days <= 30
    page = browser.get(TOKENS)
    assert secret not in page.content.decode()
    assert "team/* chat" in text_of(page)


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"name": "x"}, "a token needs a scope"),
        ({"name": "x", "scope": "everything"}, "unknown scope everything"),
        ({"name": " ", "scope": "read"}, "a name of 1 to 100 characters"),
        ({"name": "x", "scope": "read", "prompts": "p" * 201}, "a glob of 1 to 200 characters"),
        ({"name": "x", "scope": "read", "days": "0"}, "days must be a number from 1 to 3650"),
        ({"name": "taken", "scope": "read"}, "there is a token 'taken' already"),
    ],
)
def test_a_form_with_a_mistake_comes_back_with_what_was_typed(
    browser: Client, form: dict[str, str], word: str
) -> None:
    access.create_token(name="taken", scopes=["read"], created_by="test")
    answer = browser.post(TOKENS, {"prompts": "kept", **form})
    assert answer.status_code == 422
    assert word in text_of(answer)
    assert form.get("prompts", "kept") in answer.content.decode()
    assert ApiToken.objects.count() == 1


def test_a_token_is_revoked_after_a_question(browser: Client) -> None:
    row, secret = access.create_token(name="old", scopes=["read"], created_by="test")
    question = browser.get(f"{TOKENS}{row.pk}/revoke")
    assert "is refused from now on" in text_of(question)
    access.authenticate_token(secret, now=timezone.now())  # looking changes nothing
    answer = browser.post(f"{TOKENS}{row.pk}/revoke", follow=True)
    assert "The token old is revoked." in text_of(answer)
    with pytest.raises(CredentialsInvalidError):
        access.authenticate_token(secret, now=timezone.now())
    assert browser.post(f"{TOKENS}{row.pk + 1}/revoke").status_code == 404


# --- People ---


def test_somebody_is_invited_and_chooses_a_password(browser: Client) -> None:
    answer = browser.post(PEOPLE, {"username": "petra", "role": "promoter"})
    assert_nothing_inline(answer)
    link = link_in(answer)
    assert "has no password yet" in text_of(browser.get(PEOPLE))
    guest = Client()
    guest.post(link)
    guest.post("/account/password/", CHOICE)
    assert "petra promoter" in text_of(guest.get("/"))
    assert guest.get(PEOPLE).status_code == 403
    assert Client().post(link).status_code == 403, "it works once"


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"username": "ada", "role": "viewer"}, "already"),
        ({"username": "", "role": "viewer"}, "blank"),
        ({"username": "a b", "role": "viewer"}, "valid username"),
        ({"username": "eve", "role": "owner"}, "unknown role 'owner'"),
    ],
)
def test_nobody_is_invited_by_mistake(browser: Client, form: dict[str, str], word: str) -> None:
    answer = browser.post(PEOPLE, form)
    assert answer.status_code == 422
    assert word in text_of(answer)
    assert User.objects.count() == 1


def test_a_role_holds_from_the_next_click(browser: Client, as_role: Callable[..., Client]) -> None:
    viewer = as_role("viewer")
    person = User.objects.get(username="the-viewer")
    assert "read everything" in text_of(browser.get(f"{PEOPLE}{person.pk}"))
    browser.post(f"{PEOPLE}{person.pk}", {"role": "admin", "active": "yes"})
    assert viewer.get(TOKENS).status_code == 200
    browser.post(f"{PEOPLE}{person.pk}", {"role": "viewer", "active": "yes"})
    assert viewer.get(TOKENS).status_code == 403
    browser.post(f"{PEOPLE}{person.pk}", {"role": "viewer"})
    assert viewer.get("/").status_code == 302, "who may not sign in is out at once"
    assert "not let in" in text_of(browser.get(PEOPLE))


def test_a_new_link_ends_the_old_password_and_its_sessions(browser: Client, ada: User) -> None:
    eve = User.objects.create_user("eve", password=PASSWORD, role="editor")
    session = Client()
    session.force_login(eve, backend=BACKEND)
    assert "sessions end" in text_of(browser.get(f"{PEOPLE}{eve.pk}/link"))
    assert session.get("/").status_code == 200
    link = link_in(browser.post(f"{PEOPLE}{eve.pk}/link"))
    assert session.get("/").status_code == 302
    form = {"username": "eve", "password": PASSWORD}
    assert "sessionid" not in Client().post("/login/", form).cookies
    guest = Client()
    guest.post(link)
    assert "Your password is set." in text_of(guest.post("/account/password/", CHOICE, follow=True))


def test_the_only_admin_stays_admin(browser: Client, ada: User) -> None:
    for form in ({"role": "viewer", "active": "yes"}, {"role": "admin"}):
        answer = browser.post(f"{PEOPLE}{ada.pk}", form)
        assert answer.status_code == 403
        assert "ada is the only admin make somebody else an admin first" in text_of(answer)
    User.objects.create_user("eve", role="admin")
    answer = browser.post(f"{PEOPLE}{ada.pk}", {"role": "viewer", "active": "yes"}, follow=True)
    assert "ada is viewer now." in text_of(answer)


@pytest.mark.django_db(transaction=True)
def test_two_admins_cannot_take_each_others_role_at_once() -> None:
    pair = [User.objects.create_user(name, role="admin") for name in ("ada", "eve")]
    gate = threading.Barrier(2)

    def demote(user: User) -> bool:
        try:
            gate.wait()
            access.change_person(user_id=user.pk, role="viewer", is_active=True, by="test")
        except LastAdminError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(demote, pair)) == [False, True]
    assert User.objects.filter(role="admin").count() == 1


# --- Webhooks ---


@pytest.fixture
def refused(settings: Settings, db: None) -> list[int]:
    """Three messages that a receiver gave up; the keys of their deliveries."""
    settings.WEBHOOKS = (("ops", "https://ops.example.org:8443/services/T0/SECRET", "s" * 20),)
    for number in range(3):
        outbox.tell(outbox.Topic.TAG_MOVED, f"chat-{number}:stable", {"n": number})
    outbox.route([channel("webhook ops")], timezone.now())
    OutboxDelivery.objects.update(
        dead_at=timezone.now(), attempts=9, last_error="ops answered 503 <b>soon</b>"
    )
    OutboxMessage.objects.update(delivered_at=timezone.now())
    return list(OutboxDelivery.objects.order_by("pk").values_list("pk", flat=True))


def test_what_was_given_up_is_seen_and_sent_again(browser: Client, refused: list[int]) -> None:
    page = browser.get(WEBHOOKS)
    assert_nothing_inline(page)
    words = text_of(page)
    assert "webhook ops https://ops.example.org:8443 " in words
    assert "SECRET" not in page.content.decode(), "what follows the host is often a secret"
    assert "ops answered 503 <b>soon</b>" in words, "an answer of a stranger is text"
    one = f"{WEBHOOKS}webhook%20ops/retry?delivery={refused[1]}"
    assert "1 message that webhook ops did not take" in text_of(browser.get(one))
    assert OutboxDelivery.objects.filter(dead_at=None).count() == 0
    browser.post(one)
    assert [d.pk for d in OutboxDelivery.objects.filter(dead_at=None)] == [refused[1]]
    assert OutboxMessage.objects.filter(delivered_at=None).count() == 1
    answer = browser.post(f"{WEBHOOKS}webhook%20ops/retry", follow=True)
    assert "2 messages to webhook ops will be tried again now." in text_of(answer)
    assert "given up" not in text_of(browser.get(WEBHOOKS)).split("Deliveries")[1].split("Show")[1]


def test_what_is_sent_again_is_tried_as_often_as_the_first_time(
    browser: Client, refused: list[int]
) -> None:
    browser.post(f"{WEBHOOKS}webhook%20ops/retry")
    got: list[int] = []

    def deliver(messages) -> None:
        if not got:
            got.append(0)
            raise UnavailableError("again")
        got.extend(message.payload["n"] for message in messages)

    way = outbox.Channel("webhook ops", frozenset(outbox.Topic), deliver, waits=(0.0,))
    while outbox.undelivered().exists():
        outbox.deliver(way)
    assert sorted(got[1:]) == [0, 1, 2]
    assert not OutboxMessage.objects.filter(delivered_at=None).exists()


def test_a_receiver_that_was_taken_out_keeps_its_list(
    browser: Client, refused: list[int], settings: Settings
) -> None:
    settings.WEBHOOKS = ()
    assert "not in the settings any more" in text_of(browser.get(WEBHOOKS))
    assert browser.post(f"{WEBHOOKS}webhook%20ops/retry").status_code == 404
    OutboxMessage.objects.all().delete()
    assert "Nobody is told." in text_of(browser.get(WEBHOOKS))


def test_nonsense_about_a_delivery_is_refused(browser: Client, refused: list[int]) -> None:
    for nonsense in ("x", "-1", "9" * 30):
        address = f"{WEBHOOKS}webhook%20ops/retry?delivery={nonsense}"
        assert browser.post(address).status_code == 422
    assert OutboxDelivery.objects.filter(dead_at=None).count() == 0


# --- Gates ---


def test_everybody_sees_the_gates_in_force(shelf: Shelf, as_role: Callable[..., Client]) -> None:
    viewer = as_role("viewer")
    shelf.compares()
    Prompt.objects.update(gate="trial")
    answer = viewer.get("/settings/gates/")
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "release stable" in page
    assert "trial canary stable of 1 prompt" in page
    assert "not worse by more than 5 points on the same cases" in page
    assert "30 cases or more" in page
    assert "Tokens" not in page, "what a role may not do is not offered"


def test_without_gates_the_page_says_what_to_do(browser: Client) -> None:
    assert "write gates.yaml" in text_of(browser.get("/settings/gates/"))
