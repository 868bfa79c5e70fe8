"""No page asks the database more than twelve times, however much there is."""

from __future__ import annotations

import gzip
import uuid

import pytest
from django.test import Client
from django.urls import resolve
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from evals.models import EvalRun
from registry import access, outbox, promotion, queries
from registry.channels import channels
from registry.domain.actor import SYSTEM, Actor
from registry.models import MirrorAlarm, MirrorState, ModelAlarm, ModelProbe, SyncRun
from registry.promotion import Target
from tests.integration.api.routes import routes
from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.test_beside_the_live_version import evaluated, live
from tests.integration.registry.conftest import Shelf, make_shelf
from tests.integration.webui.test_run_pages import worse

MOST = 12
REGISTRY = (
    "/",
    "/?q=p0",
    "/?owner=ada",
    "/?state=canary",
    "/?state=unset",
    "/prompts/greeting",
    "/prompts/greeting?moved={entry}",
    "/versions/2/greeting",
    "/diff/greeting",
    "/move/greeting?version=2",
    "/rollback/greeting",
    "/end-canary/greeting",
    "/evaluate/greeting?version=2",
    "/models/",
    "/models/tiny",
    "/ledger/",
    "/ledger/access/",
    "/ledger/?entry={entry}",
    "/mirror/",
    "/plan/",
)
SETTINGS = (
    "/settings/gates/",
    "/settings/tokens/",
    "/settings/tokens/{token}/revoke",
    "/settings/people/",
    "/settings/people/{person}",
    "/settings/people/{person}/link",
    "/settings/webhooks/",
    "/settings/webhooks/webhook ops/retry",
)
CHECKS = ("/checks/", "/checks/{check}", "/runs/{run}", "/runs/")
RUNS = (
    "/",
    "/prompts/oracle",
    "/versions/2/oracle",
    "/diff/oracle?old=1&new=2&case=oracle/c3&case=oracle/c4",
    "/runs/",
    "/runs/{run}",
    "/runs/{run}?change=passing",
    "/compare/?run={run}&run={other}",
    "/cases/oracle",
    "/cases/oracle?class=flaky",
)
#: GET leads to another page at once.
ELSEWHERE = {f"page-{name}" for name in "cancel-run resume-run cancel-check try".split()}


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


@pytest.fixture
def office(db: None, settings: Settings) -> dict[str, object]:
    """A dozen tokens, people and deliveries; one of each by its name in the paths."""
    settings.WEBHOOKS = (("ops", "https://ops.example.org/in", "s" * 20),)
    for number in range(12):
        access.create_token(name=f"ci-{number}", scopes=["read"], created_by="test")
        access.invite(username=f"person-{number}", role="viewer", by="test")
        outbox.tell(outbox.Topic.TAG_MOVED, f"p{number}:stable", {"n": number})
    outbox.route(channels(), timezone.now())
    return {"token": access.tokens()[0].pk, "person": access.people()[0].pk}


def test_pages_of_the_registry(
    shelves: None, browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    entry = queries.history(queries.prompt("greeting")).latest("id")
    for path in REGISTRY:
        with django_assert_max_num_queries(MOST, info=path):
            assert browser.get(path.format(entry=entry.pk)).status_code == 200, path


def test_pages_of_runs(
    runs: list[EvalRun], browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for path in RUNS:
        asked = path.format(run=runs[0].pk, other=runs[1].pk)
        with django_assert_max_num_queries(MOST, info=path):
            assert browser.get(asked).status_code == 200, path


def test_pages_of_the_settings(
    shelves: None,
    office: dict[str, object],
    browser: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for path in SETTINGS:
        with django_assert_max_num_queries(MOST, info=path):
            assert browser.get(path.format(**office)).status_code == 200, path


def test_no_page_is_forgotten() -> None:
    known = {
        "check": uuid.uuid4(),
        "entry": 1,
        "run": uuid.uuid4(),
        "other": uuid.uuid4(),
        "token": 1,
        "person": 1,
    }
    paths = [path.format(**known).split("?")[0] for path in (*REGISTRY, *RUNS, *SETTINGS, *CHECKS)]
    counted = {resolve(path).url_name for path in paths}
    named = {str(pattern.name) for pattern in routes()}
    assert {name for name in named if name.startswith("page-")} - counted == ELSEWHERE


def test_pages_are_sent_compressed_and_answers_to_programs_are_not(
    shelves: None, browser: Client
) -> None:
    headers = {"Accept-Encoding": "gzip"}
    page = browser.get("/", headers=headers)
    assert page.headers["Content-Encoding"] == "gzip"
    assert b"greeting" in gzip.decompress(page.content)
    answer = browser.get("/api/v1/prompts/greeting", headers=headers)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert not answer.headers["ETag"].startswith("W/")
