"""A move is seen to reach every process; one that hangs is named, and what it would answer."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from assay.target import Target
from tests.acceptance.conftest import Platform, platform
from tests.browser.looking import LIGHT, NARROW, looking, overhang, violations
from tests.browser.site import sign_in_by_link
from tests.integration.stream.listener import Listener, listening

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def assay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`sentiment:stable` was v1 and is v2."""
    folder = tmp_path_factory.mktemp("site")
    with platform(folder, model_url="http://127.0.0.1:9") as started:
        with started.client() as client:
            client.sync()
            for version in (1, 2):
                client.override(Target("sentiment", version, model="smollm2"), reason="a test")
        yield started


@contextmanager
def one_more(assay: Platform) -> Iterator[Listener]:
    """A second web server over the same database: whom a load balancer would ask as well."""
    settings: dict[str, Any] = dict(assay.tree.environment)
    with listening(interface="wsgi", **settings) as started:
        yield started


@pytest.fixture(scope="module")
def replica(assay: Platform) -> Iterator[Listener]:
    with one_more(assay) as started:
        yield started


@pytest.fixture(scope="module")
def state(assay: Platform, chromium: Browser) -> Any:
    return sign_in_by_link(chromium, assay)


def roll(page: Page, server: str) -> None:
    """To the version that was live before, and back the next time."""
    live = page.request.get(f"{server}/prompts/sentiment").text()
    to = 1 if re.search(r"stable\s*</dt>\s*<dd>.*?>v2<", live, re.DOTALL) else 2
    page.goto(f"{server}/rollback/sentiment?tag=stable&to={to}")
    page.get_by_role("button", name="Roll back to").click()
    page.get_by_text(f"sentiment:stable points at v{to} now").wait_for()


def worker(main: int | None) -> int:
    """The process that answers, of a granian."""
    found = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii").split()
    [pid] = map(int, found)
    return pid


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_move_reaches_all_and_the_page_says_so(
    assay: Platform, replica: Listener, state: Any, chromium: Browser
) -> None:
    with looking(chromium, assay.tree.base_url, NARROW, state) as page:
        roll(page, assay.tree.base_url)
        reach = page.get_by_role("region", name="Who serves it")
        expect(reach).to_contain_text("3 of 3 processes answer with registry revision")
        page.wait_for_timeout(600)
        # Then nobody asks any more.
        with pytest.raises(PlaywrightTimeout), page.expect_request("**", timeout=1_500):
            pass
        assert violations(page) + overhang(page) == []


@pytest.mark.parametrize("listener", ["web", "stream"])
def test_a_process_that_hangs_is_named_until_it_has_it(
    assay: Platform, replica: Listener, state: Any, chromium: Browser, listener: str
) -> None:
    mains = {"web": replica.process.pid, "stream": assay.tree.pid("stream")}
    server, pid = assay.tree.base_url, worker(mains[listener])
    with stopped(pid), looking(chromium, server, LIGHT, state) as page:
        roll(page, server)
        reach = page.get_by_role("region", name="Who serves it")
        expect(reach).to_contain_text("2 of 3 processes answer")
        expect(reach).to_contain_text(f"late {listener} {pid} on")
        expect(reach).to_contain_text("40 ms after it last looked at the database")
        assert violations(page) == []
        expect(reach).to_contain_text(f"silent {listener} {pid} on", timeout=25_000)
        # For who has no script, the page says the same when it is loaded again.
        page.reload()
        expect(reach).to_contain_text("2 of 3 processes answer")
        os.kill(pid, signal.SIGCONT)
        expect(reach).to_contain_text("3 of 3 processes answer", timeout=15_000)


def test_who_is_told_to_end_is_not_missed(assay: Platform, state: Any, chromium: Browser) -> None:
    server = assay.tree.base_url
    with looking(chromium, server, LIGHT, state) as page:
        reach = page.get_by_role("region", name="Who serves it")
        with one_more(assay):
            roll(page, server)
            before = reach.locator("strong").inner_text()
        page.reload()
        count = int(before.split()[0])
        expect(reach).to_contain_text(f"{count - 1} of {count - 1} processes answer")
