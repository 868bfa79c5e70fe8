"""From a page: review a move with its evidence, do it, take it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from registry import promotion, queries
from registry.domain.actor import SYSTEM
from tests.integration.registry.conftest import Shelf, stable
from tests.integration.webui.conftest import assert_nothing_inline, text_of

AsRole = Callable[[str], Client]


def review(browser: Client, query: str, prompt: str = "greeting") -> Any:
    return browser.get(f"/move/{prompt}?{query}")


def move(browser: Client, **form: object) -> Any:
    return browser.post("/move/greeting", {"tag": "stable", "revision": 0, **form})


def live(shelf: Shelf, tag: str = "stable") -> int | None:
    version = queries.live_version(shelf.prompt, tag)
    return version.number if version else None


def test_a_certified_version_is_promoted_in_two_steps(shelf: Shelf, as_role: AsRole) -> None:
    shelf.certify(2)
    browser = as_role("promoter")
    page = review(browser, "tag=stable&version=2")
    assert_nothing_inline(page)
    assert "greeting:stable nothing → v2" in text_of(page)
    assert "certified v2 passed the policy release on tiny" in text_of(page)
    assert "Everybody who asks for greeting gets v2 now." in text_of(page)
    assert live(shelf) is None  # looking moves nothing
    answer = move(browser, version=2, reason="it is better")
    assert answer.status_code == 302
    assert "greeting:stable points at v2 now (revision 1)." in text_of(browser.get(answer.url))
    assert live(shelf) == 2
    entry = queries.live_entry(shelf.prompt, "stable")
    assert entry is not None
    assert (entry.actor, entry.reason) == ("user:the-promoter", "it is better")


def test_without_a_certificate_the_gate_holds(shelf: Shelf, as_role: AsRole) -> None:
    browser = as_role("promoter")
    page = text_of(review(browser, "version=3"))
    assert "not certified v3 has no valid certificate for stable on tiny" in page
    assert "The gate refuses this move." in page
    assert "Override the gate" not in page  # for admins only
    answer = move(browser, version=3)
    assert answer.status_code == 403
    assert "it never passed an evaluation there" in text_of(answer)
    assert move(browser, version=3, action="override", reason="please").status_code == 403
    assert live(shelf) is None


def test_an_admin_breaks_the_glass_with_a_reason(shelf: Shelf, browser: Client) -> None:
    assert "Override the gate" in text_of(review(browser, "version=3"))
    assert move(browser, version=3, action="override").status_code == 422
    assert live(shelf) is None
    answer = move(browser, version=3, action="override", reason="the shop burns")
    page = text_of(browser.get(answer.url))
    assert "overridden" in page
    assert "the shop burns" in page
    assert live(shelf) == 3


def test_what_is_live_already_is_said_and_nothing_is_offered(shelf: Shelf, browser: Client) -> None:
    shelf.certify(2)
    done = promotion.promote(target=stable(2), actor=SYSTEM)
    answer = review(browser, "version=2")
    page = text_of(answer)
    assert "greeting:stable v2, live already" in page
    assert "stable points at v2 on tiny since" in page
    assert f"entry {done.event.pk} . There is nothing to move." in page
    assert b'name="action"' not in answer.content
    assert "Against v2" not in page


def test_live_without_proof_may_be_given_the_certificate_it_got_since(
    shelf: Shelf, browser: Client
) -> None:
    move(browser, version=3, action="override", reason="the shop burns")
    assert b'name="action"' not in review(browser, "version=3").content
    shelf.certify(3)
    page = text_of(review(browser, "version=3"))
    assert "a move changes nothing for callers and puts that into the ledger" in page
    assert "Everybody who asks" not in page
    assert move(browser, version=3, revision=1).status_code == 302
    entry = queries.live_entry(shelf.prompt, "stable")
    assert entry is not None
    assert (entry.kind, entry.certificate_id is not None) == ("promoted", True)
    assert "There is nothing to move." in text_of(review(browser, "version=3"))


def test_the_share_of_a_live_canary_can_still_be_changed(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    shelf.certify(4, policy="trial")
    promotion.promote(target=stable(1), actor=SYSTEM)
    move(browser, tag="canary", version=4, weight=10)
    answer = review(browser, "tag=canary&version=4")
    assert "canary points at v4 on tiny with 10 % since" in text_of(answer)
    assert b'name="weight"' in answer.content
    assert move(browser, tag="canary", version=4, weight=30, revision=1).status_code == 302


def test_a_canary_has_a_share_and_an_end(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    shelf.certify(4, policy="trial")
    promotion.promote(target=stable(1), actor=SYSTEM)
    page = text_of(review(browser, "tag=canary&version=4&weight=25"))
    assert "25 % of the keyed traffic of greeting goes to v4 now." in page
    assert move(browser, tag="canary", version=4, weight=25).status_code == 302
    assert live(shelf, "canary") == 4
    page = text_of(browser.get("/end-canary/greeting"))
    assert "25 % of the keyed traffic goes from v4 to stable again." in page
    assert browser.post("/end-canary/greeting", {"revision": 1}).status_code == 302
    assert live(shelf, "canary") is None


def test_a_rollback_says_what_it_restores(shelf: Shelf, browser: Client) -> None:
    for version in (1, 2):
        shelf.certify(version)
        promotion.promote(target=stable(version), actor=SYSTEM)
    page = text_of(browser.get("/rollback/greeting?tag=stable"))
    assert "Everybody who asks for greeting gets v1 on tiny again, instead of v2." in page
    answer = browser.post("/rollback/greeting", {"tag": "stable", "to": 1, "revision": 2})
    assert answer.status_code == 302
    assert live(shelf) == 1


def test_there_may_be_nothing_to_go_back_to(shelf: Shelf, browser: Client) -> None:
    assert "never set" in text_of(browser.get("/rollback/greeting"))
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM)
    assert "never anywhere else" in text_of(browser.get("/rollback/greeting"))


def test_of_two_who_press_at_once_one_loses_cleanly(shelf: Shelf, browser: Client) -> None:
    for version in (1, 2):
        shelf.certify(version)
    assert move(browser, version=1).status_code == 302
    late = move(browser, version=2)  # from a page that was opened before
    assert late.status_code == 409
    assert live(shelf) == 1


def test_a_page_too_old_does_not_roll_back_twice(shelf: Shelf, browser: Client) -> None:
    for version in (1, 2, 3):
        shelf.certify(version)
        promotion.promote(target=stable(version), actor=SYSTEM)
    form = {"tag": "stable", "to": 2, "revision": 3}
    assert browser.post("/rollback/greeting", form).status_code == 302
    assert browser.post("/rollback/greeting", form).status_code == 409
    assert live(shelf) == 2


def test_who_may_not_move_cannot(shelf: Shelf, as_role: AsRole) -> None:
    shelf.certify(1)
    browser = as_role("editor")
    assert review(browser, "version=1").status_code == 403
    assert move(browser, version=1).status_code == 403
    assert browser.post("/rollback/greeting", {"revision": 0}).status_code == 403
    assert browser.post("/end-canary/greeting", {"revision": 0}).status_code == 403
    assert "Promote…" not in text_of(browser.get("/prompts/greeting"))
    assert live(shelf) is None


def test_nonsense_is_told_and_moves_nothing(shelf: Shelf, browser: Client) -> None:
    assert review(browser, "version=9").status_code == 404
    assert review(browser, "version=abc").status_code == 422
    assert review(browser, "version=1&model=nobody").status_code == 404
    assert review(browser, "version=1", prompt="nobody").status_code == 404
    assert move(browser, version=1, revision="x").status_code == 422
    assert move(browser, version=1, tag="canary", weight=101).status_code == 422
    assert move(browser, version=1, tag="latest").status_code == 422
    assert live(shelf) is None
