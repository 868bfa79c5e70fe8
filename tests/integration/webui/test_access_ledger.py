"""Who may do what, and who said so: a history that admins read and nobody edits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from registry import access
from registry.models import AccessEvent
from tests.integration.webui.conftest import assert_nothing_inline, text_of

AsRole = Callable[[str], Client]
PAGE = "/ledger/access/"


def told() -> list[tuple[str, str, str, str]]:
    """The entries, oldest first."""
    kept = AccessEvent.objects.order_by("pk")
    return list(kept.values_list("actor", "kind", "subject", "told"))


def test_every_change_is_an_entry_with_who_did_it(browser: Client) -> None:
    form = {"name": "ci", "scope": ["read", "lookup"], "prompts": "team/*", "days": ""}
    browser.post("/settings/tokens/", form)
    browser.post("/settings/people/", {"username": "eda", "role": "viewer"})
    [token] = access.tokens()
    eda = access.people().get(username="eda")
    browser.post(f"/settings/people/{eda.pk}", {"role": "promoter", "active": "yes"})
    browser.post(f"/settings/people/{eda.pk}", {"role": "promoter", "active": "yes"})  # nothing new
    browser.post(f"/settings/people/{eda.pk}", {"role": "viewer"})
    browser.post(f"/settings/people/{eda.pk}/link")
    browser.post(f"/settings/tokens/{token.pk}/revoke")
    browser.post(f"/settings/tokens/{token.pk}/revoke")  # it has ended already
    assert told() == [
        ("user:ada", "token_made", "token:ci", "lookup, read on team/*"),
        ("user:ada", "person_invited", "user:eda", "as viewer"),
        ("user:ada", "person_changed", "user:eda", "viewer → promoter"),
        ("user:ada", "person_changed", "user:eda", "promoter → viewer, not let in any more"),
        ("user:ada", "password_reset", "user:eda", "password and sessions ended"),
        ("user:ada", "token_ended", "token:ci", ""),
    ]


def test_the_first_admin_is_an_entry_too(db: None) -> None:
    assert access.first_admin_link("http://assay") is not None
    assert access.first_admin_link("http://assay") is not None  # another link, the same person
    assert told() == [("system:start", "person_invited", "user:admin", "as admin")]


def test_what_was_refused_is_no_entry(browser: Client) -> None:
    browser.post("/settings/tokens/", {"name": "ci", "scope": ["fly"]})
    browser.post("/settings/people/", {"username": "ada", "role": "viewer"})
    assert told() == []


def test_admins_read_filter_and_download_it(browser: Client) -> None:
    assert "no token was made yet" in text_of(browser.get(PAGE))
    _, secret = access.create_token(name="=ci", scopes=["read"], created_by="user:ada")
    access.create_token(name="cd", scopes=["lookup"], created_by="shell")
    answer = browser.get(PAGE)
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "token:cd token made lookup shell," in page
    assert "token:cd" not in text_of(browser.get(f"{PAGE}?actor=user:ada"))
    assert "token:=ci" not in text_of(browser.get(f"{PAGE}?subject=token:cd"))
    assert "Nothing is like that." in text_of(browser.get(f"{PAGE}?kind=token_ended"))
    sheet = b"".join(
        browser.get(f"{PAGE}?actor=shell&format=csv").streaming_content  # type: ignore[attr-defined]
    ).decode()
    head, row = sheet.splitlines()
    assert head == "at,kind,subject,told,actor"
    assert row.endswith(",token_made,token:cd,lookup,shell")
    assert secret not in page + sheet
    assert "People and tokens" in text_of(browser.get("/ledger/"))


@pytest.mark.parametrize("role", ["viewer", "editor", "promoter"])
def test_nobody_else_does(role: str, as_role: AsRole) -> None:
    browser = as_role(role)
    assert browser.get(PAGE).status_code == 403
    assert browser.get(f"{PAGE}?format=csv").status_code == 403
    assert "People and tokens" not in text_of(browser.get("/ledger/"))


def test_nobody_edits_it(db: None) -> None:
    row, _ = access.create_token(name="ci", scopes=["read"], created_by="test")
    access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
    for change in (AccessEvent.objects.all().delete, lambda: AccessEvent.objects.update(actor="x")):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    assert len(told()) == 2
