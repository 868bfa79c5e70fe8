"""The first page: what is live, what was proven, what rings."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.digest import digest
from evals.models import EvalRun
from registry import certificates, promotion
from registry.domain.actor import SYSTEM, Actor, Scope
from registry.models import (
    GatePolicy,
    MirrorAlarm,
    MirrorState,
    ModelVersion,
    Prompt,
    StoredFinding,
    SyncRun,
)
from registry.promotion import Adoption, Target
from tests.integration.registry.conftest import Shelf, make_shelf, stable
from tests.integration.webui.conftest import assert_nothing_inline, tags_of, text_of

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


def overview(browser: Client, query: str = "") -> str:
    answer = browser.get(f"/{query}")
    assert answer.status_code == 200
    return text_of(answer)


def test_an_empty_registry_says_what_to_do_next(browser: Client) -> None:
    page = overview(browser)
    assert "Nothing is mirrored yet. Run assay sync ." in page
    assert "No prompts yet." in page
    assert "Nothing evaluated yet." in page
    assert "No tag was moved yet." in page
    assert "alarm" not in page


def test_a_prompt_without_tags(shelf: Shelf, browser: Client) -> None:
    assert "greeting — — 4" in overview(browser)


def test_a_certified_stable_and_a_canary(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    shelf.certify(3, policy="trial")
    promotion.promote(target=stable(1), actor=SYSTEM)
    promotion.set_canary(prompt="greeting", version=3, weight=25, actor=SYSTEM)
    page = overview(browser)
    assert "v1 on tiny certified revision 1" in page
    assert "v3 on tiny · 25 % certified revision 1" in page


def test_an_override_is_loud(shelf: Shelf, browser: Client) -> None:
    promotion.override(target=stable(4), actor=SYSTEM, reason="fire")
    page = overview(browser)
    assert "v4 on tiny overridden revision 1" in page
    assert "system:sync" in page
    assert "· fire" in page


def test_an_override_that_was_rolled_back_to_is_still_one(shelf: Shelf, browser: Client) -> None:
    promotion.override(target=stable(4), actor=SYSTEM, reason="fire")
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM)
    promotion.rollback(prompt="greeting", actor=SYSTEM)
    assert "v4 on tiny overridden revision 3" in overview(browser)


def test_what_was_adopted_is_unproven(shelf: Shelf, browser: Client) -> None:
    adoption = Adoption(shelf.prompt, "stable", shelf.version(2), None)
    promotion.adopt(adoptions=[adoption], commit="c" * 40)
    assert "v2 unproven revision 1" in overview(browser)


def test_a_certificate_that_expired_proves_nothing(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM)
    certificates.record_fingerprint(
        model=shelf.model, fingerprint=digest("other"), mode="text", now=timezone.now()
    )
    assert "v1 on tiny unproven revision 1" in overview(browser)


def test_a_model_that_drifted_rings_and_what_is_live_stays(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM)
    certificates.record_fingerprint(
        model=shelf.model, fingerprint=digest("other"), mode="text", now=timezone.now()
    )
    page = overview(browser)
    assert "1 alarm" in page
    assert "model drifted tiny serves something else than what was certified on it" in page
    assert "what is live on it keeps serving" in page


def test_a_prompt_removed_from_git_says_so(shelf: Shelf, browser: Client) -> None:
    Prompt.objects.update(orphaned=True)
    assert "greeting removed from Git" in overview(browser)


def test_a_cleared_canary_is_nothing(shelf: Shelf, browser: Client) -> None:
    shelf.certify(3, policy="trial")
    promotion.set_canary(prompt="greeting", version=3, weight=25, actor=SYSTEM)
    promotion.clear_canary(prompt="greeting", actor=SYSTEM)
    page = overview(browser)
    assert "greeting — — 4" in page
    assert "greeting :canary v3 → nothing cleared" in page


def test_moves_are_told_newest_first(shelf: Shelf, browser: Client) -> None:
    for version in (1, 2):
        shelf.certify(version)
        promotion.promote(target=stable(version), actor=SYSTEM, reason=f"because {version}")
    promotion.rollback(prompt="greeting", actor=Actor("user:petra", frozenset(Scope)))
    page = overview(browser)
    story = page[page.index("Latest tag moves") :]
    parts = [
        "v2 → v1 on tiny rolled back",
        "user:petra",
        "v1 → v2 on tiny promoted",
        "· because 2",
        "v1 on tiny promoted",
    ]
    assert [part for part in parts if part not in story] == []
    assert [story.index(part) for part in parts] == sorted(story.index(part) for part in parts)


def test_alarms_ring_until_they_are_resolved(browser: Client) -> None:
    for kind in ("unreachable", "version_edited"):
        MirrorAlarm.objects.create(kind=kind, subject=kind, message=f"the {kind} story")
    page = overview(browser)
    assert "2 alarms" in page
    assert "the unreachable story" in page
    MirrorAlarm.objects.filter(kind="unreachable").update(resolved_at=timezone.now())
    page = overview(browser)
    assert "1 alarm " in page
    assert "the unreachable story" not in page


def test_the_mirror_and_its_findings(browser: Client) -> None:
    MirrorState.objects.create(
        url="https://git.example/p.git",
        ref="main",
        applied_commit="abcdef0123456789" * 2,
        fetched_at=timezone.now(),
    )
    sync = SyncRun.objects.create(status="applied", commit="c" * 40)
    page = overview(browser)
    assert "Mirror of https://git.example/p.git at abcdef012345 , asked" in page
    assert "finding" not in page
    StoredFinding.objects.create(sync=sync, path="p", line=1, column=1, severity="error", code="x")
    assert "The last sync has 1 finding." in overview(browser)


def run(shelf: Shelf, **changes: Any) -> EvalRun:
    policy = GatePolicy.objects.get(name="release")
    arguments = {
        "version": shelf.version(1),
        "model": shelf.model,
        "suite_digest": shelf.prompt.suite_digest,
        "tag": "stable",
        "policy": policy.name,
        "policy_digest": policy.digest,
        "policy_spec": policy.spec,
        "requested_by": "test",
        "created_at": timezone.now(),
        **changes,
    }
    return EvalRun.objects.create(**arguments)


def test_runs_show_their_verdict_or_how_far_they_are(shelf: Shelf, browser: Client) -> None:
    run(shelf, status="finished", verdict="FAIL", reasons=["12 of 30 cases failed", "and more"])
    run(shelf, status="running")
    run(shelf, status="finished", verdict="INCONCLUSIVE")
    page = overview(browser)
    assert "greeting@v1 tiny FAIL 12 of 30 cases failed" in page
    assert "greeting@v1 tiny running" in page
    assert "greeting@v1 tiny INCONCLUSIVE" in page


def test_a_hundred_and_twenty_prompts_come_in_pages(browser: Client) -> None:
    Prompt.objects.bulk_create(Prompt(name=f"p{number:03}") for number in range(120))
    first = overview(browser)
    assert "Page 1 of 3 Next" in first
    assert ("p000" in first, "p049" in first, "p050" in first) == (True, True, False)
    assert "Previous Page 2 of 3 Next" in overview(browser, "?page=2")
    last = overview(browser, "?page=3")
    assert "Previous Page 3 of 3" in last
    assert ("p100" in last, "p119" in last) == (True, True)
    assert "Page 3 of 3" in overview(browser, "?page=99")
    for nonsense in ("x", "0", "-1", "", "1e9", "%C3%A9"):
        assert " of 3" in overview(browser, f"?page={nonsense}")


def test_many_prompts_cost_no_more_questions_than_few(
    browser: Client, shelf: Shelf, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        other = make_shelf(f"p{number:03}")
        other.certify(1)
        for version in (1, 2):
            other.certify(version)
            promotion.promote(target=Target(other.prompt.name, "stable", version), actor=SYSTEM)
        promotion.rollback(prompt=other.prompt.name, actor=SYSTEM)
    with django_assert_max_num_queries(12):
        overview(browser)


@pytest.fixture
def hostile(shelf: Shelf) -> Shelf:
    """Every text that somebody outside can choose is an attack."""
    Prompt.objects.update(name=EVIL, description=EVIL)
    actor = Actor(f"token:{EVIL}", frozenset(Scope))
    promotion.override(target=Target(EVIL, "stable", 1), actor=actor, reason=EVIL)
    MirrorAlarm.objects.create(kind="refused", subject=EVIL, message=EVIL)
    MirrorState.objects.create(url=EVIL, ref="main", applied_commit=EVIL)
    run(shelf, reasons=[EVIL], model=ModelVersion.objects.create(name=EVIL, digest="d", pin={}))
    return shelf


def test_hostile_texts_are_texts(hostile: Shelf, browser: Client) -> None:
    answer = browser.get("/")
    assert text_of(answer).count("<script>alert('x')</script>") >= 7
    assert_nothing_inline(answer)
    assert "img[onerror]" not in tags_of(answer)


def test_nothing_on_any_page_is_inline(hostile: Shelf, browser: Client) -> None:
    """What the Content-Security-Policy would block must not be needed."""
    for answer in (browser.get("/"), Client().get("/login/"), browser.get("/nothing")):
        assert_nothing_inline(answer)
