"""Three journeys of people, against the real server, worker and model."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from config.serve import first_admin_link
from tests.acceptance.conftest import platform
from tests.browser.looking import LIGHT, NARROW, looking
from tests.browser.site import Site, choose_password, listed

pytestmark = pytest.mark.browser

#: A model on a busy machine takes its time over 48 answers, twice.
_VERDICT_MS = 400_000


def row_of(page: Page, version: str) -> Locator:
    """The version's row on the page of its prompt."""
    link = page.get_by_role("link", name=version, exact=True)
    return page.get_by_role("region", name="Versions").get_by_role("row").filter(has=link)


def test_a_version_is_reviewed_and_promoted(whole_site: Site, chromium: Browser) -> None:
    whole_site.make_live(1)
    with looking(chromium, whole_site.url, LIGHT, whole_site.state) as page:
        page.goto(f"{whole_site.url}/")
        listed(page, "sentiment").click()
        # What is there to decide with: the verdict, and what the change is.
        row = row_of(page, "v2")
        expect(row).to_contain_text("PASS")
        row.get_by_role("link", name="PASS").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("sentiment")
        expect(page.locator("main")).to_contain_text("PASS")
        page.go_back()
        row_of(page, "v2").get_by_role("link", name="Promote").click()
        expect(page.locator("main")).to_contain_text("v2 passed the policy release on smollm2")
        expect(page.locator("main")).to_contain_text("Everybody who asks for sentiment gets v2 now")
        page.get_by_role("link", name="What changed in the text").click()
        expect(page.locator(".sides .changed").first).to_be_visible()
        page.go_back()
        page.get_by_label("Reason").fill("reads tickets better")
        page.get_by_role("button", name="Move stable to v2").click()
        page.get_by_text("sentiment:stable points at v2 now").wait_for()
        expect(page.locator(".ledger li").first).to_contain_text("reads tickets better")
    with whole_site.platform.client() as client:
        assert client.lookup("sentiment").version == 2


def test_the_gate_refuses_a_version_that_failed(whole_site: Site, chromium: Browser) -> None:
    with looking(chromium, whole_site.url, LIGHT, whole_site.state) as page:
        page.goto(f"{whole_site.url}/prompts/sentiment")
        row_of(page, "v3").get_by_role("link", name="Promote").click()
        expect(page.locator("main")).to_contain_text("not certified")
        expect(page.get_by_role("button", name="Move stable")).to_have_count(0)
        expect(page.get_by_role("button", name="Override the gate")).to_be_visible()


def test_at_3_a_m_a_rollback_is_three_clicks_away(whole_site: Site, chromium: Browser) -> None:
    """On a telephone, in bed, from the overview."""
    whole_site.make_live(2)
    with looking(chromium, whole_site.url, NARROW, whole_site.state) as page:
        page.goto(f"{whole_site.url}/")
        listed(page, "sentiment").click()  # one
        page.get_by_role("link", name="Roll back…").first.click()  # two
        expect(page.locator("main")).to_contain_text("gets v1 on smollm2 again, instead of v2")
        page.get_by_role("button", name="Roll back to v1").click()  # three
        page.get_by_text("sentiment:stable points at v1 now").wait_for()
    with whole_site.platform.client() as client:
        assert client.lookup("sentiment").version == 1


def test_from_an_empty_install_to_a_first_verdict(tmp_path: Path, chromium: Browser) -> None:
    """The pages say what to do next, and a person who does it gets there."""
    (tmp_path / "repository").mkdir()
    with (
        platform(tmp_path) as running,
        looking(chromium, running.tree.base_url, LIGHT, stream=running.tree.stream_url) as page,
    ):
        link = first_admin_link(running.tree)
        assert link is not None
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        choose_password(page)
        expect(page.locator("main")).to_contain_text("assay init prompts")
        assert running.run("init", str(running.repository)).returncode == 0
        page.get_by_role("link", name="Settings").click()
        page.get_by_role("link", name="Tokens").click()
        page.get_by_label("Name").fill("first")
        page.get_by_label("read", exact=True).check()
        page.get_by_label("evaluate").check()
        page.get_by_role("button", name="Make the token").click()
        token = page.locator("section", has_text="Your new token").locator("pre").inner_text()
        assert running.run("sync", token=token).returncode == 0
        page.get_by_role("link", name="Prompts").click()
        listed(page, "sentiment").click()
        row_of(page, "v2").get_by_role("link", name="Evaluate").click()
        page.get_by_role("button", name="Evaluate").click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        # Nobody presses anything: the page renews itself until there is a verdict.
        passed = page.locator("main .chip", has_text="PASS").first
        passed.wait_for(timeout=_VERDICT_MS)
        expect(page.get_by_role("link", name="Move stable to v2…")).to_be_visible()
