"""Runs, comparisons, the map of cases and a model's gauges in a real browser, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from evals.models import EvalRun
from registry import probing
from registry.domain.actor import Actor, Role
from registry.models import ModelVersion, User
from serving.load import EngineLoad
from serving.served import Served
from tests.acceptance.test_pages import NARROW, PASSWORD, WIDE, chromium, fits, looking, sign_in
from tests.integration.evals.conftest import Repository, model_server
from tests.integration.evals.test_beside_the_live_version import evaluated, live
from tests.integration.webui.test_run_pages import worse

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
__all__ = ["chromium"]


@pytest.fixture
def runs() -> Iterator[list[EvalRun]]:
    """Of v1, and two of v2, the oldest first; and a day of looks at their model."""
    User.objects.create_user("ada", password=PASSWORD, role="admin")
    editor = Actor("user:eda", Role.EDITOR.scopes)
    with model_server(worse) as server:
        live(Repository(server.url), editor)
        for _ in range(2):
            evaluated(editor, use_cache=False)
        model = ModelVersion.objects.get(name="tiny")
        for turn in range(40):
            busy = turn % 9
            load = EngineLoad(busy / 10, busy, max(0, busy - 6), 0.1 * turn, turn, 100 * turn, turn)
            served = Served(is_reachable=True, is_healthy=True, ids=("tiny",), load=load)
            now = timezone.now()
            probing.remember(model=model, served=served, differences=(), now=now)
        yield list(EvalRun.objects.order_by("created_at"))


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(WIDE, "light"), (WIDE, "dark"), ((360, NARROW[1]), "light")],
    ids=["light", "dark", "narrow"],
)
def test_they_are_readable(
    size: tuple[int, int],
    scheme: str,
    live_server: LiveServer,
    runs: list[EvalRun],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    ids = [str(run.pk) for run in runs]
    pages = {
        "compare": ("/compare/?" + "&".join(f"run={one}" for one in ids), "Against A"),
        "cases": ("/cases/oracle", "The newest 3 runs"),
        "run": (f"/runs/{ids[1]}", "How long answers took"),
        "model": ("/models/tiny", "How busy its server was"),
    }
    # Last: Playwright's event loop forbids Django's database in this thread.
    browser: Browser = request.getfixturevalue("chromium")
    with looking(browser, live_server.url, size, scheme) as page:
        sign_in(page, live_server.url)
        for name, (path, words) in pages.items():
            page.goto(live_server.url + path)
            assert page.get_by_text(words).first.is_visible(), name
            page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
            assert fits(page), name
        # From the list: tick two, and press the button.
        page.goto(f"{live_server.url}/runs/")
        ticks = page.get_by_role("checkbox")
        ticks.nth(0).check()
        ticks.nth(2).check()
        page.get_by_role("button", name="Compare the ticked ones").click()
        page.get_by_role("heading", name="Against A, case by case").wait_for()
