"""A run's page follows the run: by the stream, and without it by asking."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.acceptance.conftest import Platform, platform
from tests.browser.looking import LIGHT, looking
from tests.browser.site import sign_in_by_link
from tests.integration.evals.model_server import ModelServer, Reply, Say

pytestmark = pytest.mark.browser

#: Long enough for two polls, which are two seconds apart.
_TWO_POLLS_MS = 4_500


class SlowModel(ModelServer):
    """Takes `seconds` for every case, and none for probes; no answer is right."""

    seconds = 1.5

    def decide(self, question: str, nth: int) -> Reply:
        said = super().decide(question, nth)
        assert isinstance(said, Say)
        is_case = question.startswith("Classify the sentiment")
        return replace(said, seconds=self.seconds if is_case else 0)


@pytest.fixture
def model() -> Iterator[SlowModel]:
    with SlowModel(lambda _question, _nth: Say("positive")) as server:
        yield server


@pytest.fixture
def assay(tmp_path: Path, model: SlowModel) -> Iterator[Platform]:
    with platform(tmp_path, model_url=model.url) as started:
        with started.client() as client:
            client.sync()
        yield started


def start(page: Page, server: str) -> None:
    page.goto(f"{server}/evaluate/sentiment?version=1")
    page.get_by_role("button", name="Evaluate").click()
    page.wait_for_url(re.compile("/runs/"))


def polls(page: Page) -> list[Request]:
    """What the page asks for from now on, to renew the bar by itself."""
    asked: list[Request] = []
    page.on("request", lambda r: asked.append(r) if r.headers.get("hx-request") else None)
    return asked


def done(page: Page) -> int:
    return int(page.get_by_role("progressbar").get_attribute("value") or 0)


def test_the_bar_moves_by_the_stream_and_the_page_ends_with_the_verdict(
    assay: Platform, model: SlowModel, chromium: Browser
) -> None:
    state = sign_in_by_link(chromium, assay)
    tree = assay.tree
    with looking(chromium, tree.base_url, LIGHT, state, stream=tree.stream_url) as page:
        # Not one poll is answered: what moves the bar is the stream.
        page.route("**/runs/*", refuse_polls)
        with page.expect_response(lambda r: r.url.startswith(tree.stream_url)) as opened:
            start(page, tree.base_url)
        assert opened.value.status == 200
        page.wait_for_timeout(500)
        asked = polls(page)
        before = done(page)
        until = time.monotonic() + 60
        while done(page) <= before and time.monotonic() < until:
            page.wait_for_timeout(100)
        assert done(page) > before
        expect(page.locator("#progress label")).to_contain_text(f"{done(page)} of ")
        page.wait_for_timeout(_TWO_POLLS_MS)
        assert asked == []
        model.seconds = 0
        expect(page.get_by_role("heading", name="Why")).to_be_visible(timeout=120_000)
        expect(page.get_by_role("progressbar")).to_have_count(0)


def refuse_polls(route: Route) -> None:
    if route.request.headers.get("hx-request"):
        route.abort()
    else:
        route.continue_()


def test_without_the_stream_the_page_asks(
    assay: Platform, model: SlowModel, chromium: Browser
) -> None:
    state = sign_in_by_link(chromium, assay)
    context = chromium.new_context(storage_state=state)
    page = context.new_page()
    page.route(f"{assay.tree.stream_url}/**", lambda route: route.fulfill(status=503))
    asked = polls(page)
    start(page, assay.tree.base_url)
    page.wait_for_timeout(_TWO_POLLS_MS)
    assert asked
    model.seconds = 0
    expect(page.get_by_role("heading", name="Why")).to_be_visible(timeout=120_000)
    context.close()
