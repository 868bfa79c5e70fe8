"""Models, the ledger, the mirror, the planner."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from registry import promotion
from registry.domain.actor import SYSTEM, Actor, Scope
from registry.models import (
    MirrorState,
    ModelAlarm,
    ModelProbe,
    ModelVersion,
    StoredFinding,
    SyncRun,
)
from registry.promotion import Target
from tests.integration.registry.conftest import Shelf, stable
from tests.integration.webui.conftest import assert_nothing_inline, text_of


def test_a_model_that_drifted_says_so(shelf: Shelf, browser: Client) -> None:
    now = timezone.now()
    served = {"ids": ["tiny", "other"], "engine": "vllm", "version": "0.32.0"}
    ModelProbe.objects.create(
        model=shelf.model,
        at=now,
        is_reachable=True,
        is_healthy=True,
        served=served,
        differences=["it serves a context of 512 tokens, and 2048 are pinned"],
        fingerprint="changed",
        distance=0.5,
    )
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM)
    ModelAlarm.objects.create(
        model=shelf.model, message="tiny serves something else", raised_at=now
    )
    for path in ("/models/", "/models/tiny"):
        answer = browser.get(path)
        assert_nothing_inline(answer)
        assert "drifted" in text_of(answer)
        assert "changed" in text_of(answer)
    page = text_of(browser.get("/models/tiny"))
    assert "tiny serves something else" in page
    assert "it serves a context of 512 tokens" in page
    assert "greeting :stable v1" in page
    assert browser.get("/models/nobody").status_code == 404


def test_a_model_that_a_run_measured_is_listed_as_measured(shelf: Shelf, browser: Client) -> None:
    ModelVersion.objects.update(fingerprint="", fingerprint_at=None)
    assert "not measured yet" in text_of(browser.get("/models/"))
    ModelVersion.objects.update(fingerprint="f" * 64, fingerprint_at=timezone.now())
    page = text_of(browser.get("/models/"))
    assert "measured just now" in page
    assert "not measured yet" not in page


def test_only_editors_have_a_server_looked_at(
    shelf: Shelf, as_role: Callable[[str], Client]
) -> None:
    viewer = as_role("viewer")
    assert "Look at its server now" not in text_of(viewer.get("/models/tiny"))
    assert viewer.post("/models/tiny").status_code == 403


def test_the_ledger_is_searched_and_downloaded(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM, reason="first")
    mallory = Actor("token:mallory", frozenset(Scope))
    promotion.override(target=Target("greeting", "beta", 2), actor=mallory, reason="=1+1")
    page = text_of(browser.get("/ledger/"))
    assert page.index("token:mallory") < page.index("system:sync")
    assert "token:mallory" not in text_of(browser.get("/ledger/?kind=promoted"))
    assert "No move is like that." in text_of(browser.get("/ledger/?prompt=nobody"))
    sheet = b"".join(browser.get("/ledger/?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    head, *rows = sheet.splitlines()
    assert head.startswith("registry_revision,at,prompt,tag,revision,kind")
    assert len(rows) == 2
    assert "'=1+1" in rows[0]  # a spreadsheet must not run it


def test_an_entry_of_the_ledger_has_an_address_of_its_own(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    first = promotion.promote(target=stable(1), actor=SYSTEM, reason="the first one").event
    promotion.override(target=stable(2), actor=Actor("user:ada", frozenset(Scope)), reason="later")
    address = f"/ledger/?entry={first.pk}"
    assert f'href="{address}"' in browser.get("/ledger/").content.decode()
    page = text_of(browser.get(address))
    assert "the first one" in page
    assert "later" not in page
    assert "No move is like that." in text_of(browser.get("/ledger/?entry=999999"))
    for nonsense in ("0", "x", "-1", "9" * 40):
        assert browser.get("/ledger/", {"entry": nonsense}).status_code == 422


def test_the_mirror_shows_findings_by_file_and_line(browser: Client) -> None:
    assert "Nothing is mirrored yet." in text_of(browser.get("/mirror/"))
    MirrorState.objects.create(
        url="https://git.example/prompts", ref="main", applied_commit="a" * 40
    )
    sync = SyncRun.objects.create(status="applied", commit="a" * 40, new_versions=3)
    StoredFinding.objects.create(
        sync=sync,
        path="models.yaml",
        line=3,
        column=5,
        severity="warning",
        code="unpinned_model",
        message="not pinned",
    )
    answer = browser.get("/mirror/")
    assert_nothing_inline(answer)
    assert "unpinned_model models.yaml:3:5 not pinned" in text_of(answer)


def test_the_planner_says_that_the_seeds_own_example_does_not_start(browser: Client) -> None:
    assert "fits" not in text_of(browser.get("/plan/"))
    wish = "model=meta-llama/Meta-Llama-3-70B-Instruct&gpu=h100-sxm&tp=2&max_model_len=8192"
    answer = browser.get(f"/plan/?{wish}&utilization=0.88&dtype=bfloat16")
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "does not fit" in page
    assert "The smallest that fits" in page
    assert "weights" in page
    page = text_of(browser.get(f"/plan/?{wish.replace('tp=2', 'tp=4')}"))
    assert "does not fit" not in page
    for nonsense in ("tp=0", "tp=x", "utilization=much", "gpu=abacus", "model=nobody/nothing"):
        answer = browser.get(f"/plan/?{wish}&{nonsense}")
        assert answer.status_code == 200
        assert "GiB a GPU" not in text_of(answer)
