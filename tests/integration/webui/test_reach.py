"""After a move the page says which processes answer with it, from what they say themselves."""

from __future__ import annotations

import os
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from registry import promotion
from registry.domain.actor import SYSTEM
from registry.models import LookupProcess, RegistryState, TagEvent
from tests.integration.registry.conftest import Shelf, stable
from tests.integration.webui.conftest import assert_nothing_inline, tags_of, text_of
from webui.reaching import reached


def process(pid: int, *, behind: int = 0, silent_seconds: int = 0) -> LookupProcess:
    """One that answers lookups, `behind` so many revisions."""
    state = RegistryState.objects.get()
    return LookupProcess.objects.create(
        id=uuid.uuid4(),
        listener="web",
        host="here",
        pid=pid,
        incarnation=state.incarnation,
        revision=state.revision - behind,
        heard_at=timezone.now() - timedelta(seconds=silent_seconds),
    )


def moved(shelf: Shelf) -> TagEvent:
    """`stable` is v2."""
    shelf.certify(2)
    return promotion.promote(target=stable(2), actor=SYSTEM).event


def seen(browser: Client, entry: TagEvent) -> Any:
    return browser.get(f"/ledger/?entry={entry.pk}")


def test_when_all_have_it_nobody_asks_again(shelf: Shelf, browser: Client) -> None:
    entry = moved(shelf)
    for pid in (1, 2, 3):
        process(pid)
    page = seen(browser, entry)
    assert "3 of 3 processes answer with registry revision 1: stable is v2 on tiny." in text_of(
        page
    )
    assert "div[hx-get]" not in tags_of(page)


def test_until_then_the_page_looks_again_and_names_who_is_behind(
    shelf: Shelf, browser: Client
) -> None:
    entry = moved(shelf)
    process(1)
    process(os.getpid(), behind=1)
    page = seen(browser, entry)
    assert_nothing_inline(page)
    assert "div[hx-get]" in tags_of(page)
    assert "1 of 2 processes answer with" in text_of(page)
    assert f"not yet web {os.getpid()} on here: it had revision 0" in text_of(page)
    LookupProcess.objects.update(revision=entry.registry_revision)
    part = browser.get(f"/ledger/?entry={entry.pk}", headers={"HX-Request": "true"})
    assert "2 of 2 processes answer with" in text_of(part)
    assert "main" not in tags_of(part)


def test_the_page_after_a_move_shows_it_too(shelf: Shelf, browser: Client) -> None:
    shelf.certify(2)
    process(1)
    answer: Any = browser.post("/move/greeting", {"tag": "stable", "revision": 0, "version": 2})
    page = text_of(browser.get(answer.url))
    assert "0 of 1 process answers with registry revision 1" in page
    # Nobody has just moved anything here.
    assert "registry revision" not in text_of(browser.get("/prompts/greeting"))
    assert "registry revision" not in text_of(browser.get("/prompts/greeting?moved=x"))


def test_who_is_silent_is_not_counted_on(shelf: Shelf, browser: Client) -> None:
    entry = moved(shelf)
    process(1)
    process(2, silent_seconds=40)
    page = text_of(seen(browser, entry))
    assert "1 of 2 processes answer with" in page
    assert "silent web 2 on here: it had revision 1 when it was last heard of, 40 s ago." in page


@pytest.mark.parametrize(
    ("seconds", "is_late", "pause"),
    [(0, False, "500ms"), (5, True, "500ms"), (60, True, "5s"), (700, True, "")],
)
def test_the_older_the_move_the_rarer_the_look(
    shelf: Shelf, seconds: int, is_late: bool, pause: str
) -> None:
    entry = moved(shelf)
    process(1, behind=1)
    found = reached(entry, entry.created_at + timedelta(seconds=seconds))
    assert (found.is_late, found.pause) == (is_late, pause)
    words = render_to_string("webui/reach.html", {"reached": found})
    assert ("40 ms after it last looked at the database" in words) == is_late


def test_an_entry_that_is_not_there_has_reached_nobody(shelf: Shelf, browser: Client) -> None:
    answer = browser.get("/ledger/?entry=4242", headers={"HX-Request": "true"})
    assert answer.status_code == 404
