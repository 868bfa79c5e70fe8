"""No page asks the database more than twelve times, however much there is."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from evals.models import EvalRun
from registry import promotion
from registry.domain.actor import SYSTEM, Actor
from registry.models import MirrorAlarm, MirrorState, ModelAlarm, ModelProbe, SyncRun
from registry.promotion import Target
from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.test_beside_the_live_version import evaluated, live
from tests.integration.registry.conftest import Shelf, make_shelf
from tests.integration.webui.test_run_pages import worse

MOST = 12


@pytest.fixture
def runs(repository: Repository, server: ModelServer, editor: Actor) -> list[EvalRun]:
    """Two runs of v2 beside the live v1."""
    server.reply = worse
    live(repository, editor)
    return [evaluated(editor, use_cache=False) for _ in range(2)]


@pytest.fixture
def shelves(db: None) -> None:
    """A dozen prompts with moves back and forth, alarms, and looks at a model."""
    shelves = [make_shelf(name) for name in ("greeting", *(f"p{n:03}" for n in range(11)))]
    for shelf in shelves:
        _moved(shelf)
    MirrorState.objects.create(url="https://git.example/p", ref="main", applied_commit="a" * 40)
    SyncRun.objects.create(status="applied", commit="a" * 40)
    for kind in ("unreachable", "version_edited"):
        MirrorAlarm.objects.create(kind=kind, subject=kind, message=kind)
    model, now = shelves[0].model, timezone.now()
    ModelAlarm.objects.create(model=model, message="drifted", raised_at=now)
    for _ in range(3):
        ModelProbe.objects.create(
            model=model, at=now, is_reachable=True, is_healthy=True, served={"ids": ["tiny"]}
        )


def _moved(shelf: Shelf) -> None:
    name = shelf.prompt.name
    for version in (1, 2):
        shelf.certify(version)
        promotion.promote(target=Target(name, "stable", version), actor=SYSTEM)
    promotion.rollback(prompt=name, actor=SYSTEM)
    promotion.promote(target=Target(name, "stable", 2), actor=SYSTEM)
    promotion.rollback(prompt=name, actor=SYSTEM)
    shelf.certify(3, policy="trial")
    promotion.set_canary(prompt=name, version=3, weight=10, actor=SYSTEM)


def test_pages_of_the_registry(
    shelves: None, browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for path in (
        "/",
        "/?q=p0",
        "/?owner=ada",
        "/?state=canary",
        "/?state=unset",
        "/prompts/greeting",
        "/versions/2/greeting",
        "/diff/greeting",
        "/move/greeting?version=2",
        "/rollback/greeting",
        "/end-canary/greeting",
        "/evaluate/greeting?version=2",
        "/models/",
        "/models/tiny",
        "/ledger/",
        "/mirror/",
        "/plan/",
    ):
        with django_assert_max_num_queries(MOST, info=path):
            assert browser.get(path).status_code == 200, path


def test_pages_of_runs(
    runs: list[EvalRun], browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = f"/runs/{runs[0].pk}"
    for path in (
        "/",
        "/prompts/oracle",
        "/versions/2/oracle",
        "/runs/",
        run,
        f"{run}?change=passing",
        f"/compare/?run={runs[0].pk}&run={runs[1].pk}",
        "/cases/oracle",
        "/cases/oracle?class=flaky",
    ):
        with django_assert_max_num_queries(MOST, info=path):
            assert browser.get(path).status_code == 200, path
