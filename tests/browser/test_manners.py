"""What the overview tells at a glance, and what a keyboard can do."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.looking import DARK, LIGHT, NARROW, looking, overhang
from tests.browser.site import ADMIN, PASSWORD, Site, listed

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("look", [LIGHT, DARK, NARROW], ids=lambda look: look.name)
def test_the_overview_tells_what_is_live_and_what_rings(
    whole_site: Site, chromium: Browser, look
) -> None:
    whole_site.make_live(2)
    with looking(chromium, whole_site.url, look, whole_site.state) as page:
        page.goto(f"{whole_site.url}/")
        for words in ("certified", "overridden", "unproven", "removed from Git", "alarm"):
            expect(page.get_by_text(words).first).to_be_visible()
        assert overhang(page) == []


def test_a_keyboard_is_enough_to_sign_in(whole_site: Site, chromium: Browser) -> None:
    with looking(chromium, whole_site.url, LIGHT) as page:
        page.goto(f"{whole_site.url}/login/")
        expect(page.get_by_label("Name")).to_be_focused()  # a moment after the page is there
        page.keyboard.type(ADMIN)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_keys_lead_to_places(whole_site: Site, chromium: Browser) -> None:
    with looking(chromium, whole_site.url, LIGHT, whole_site.state) as page:
        page.goto(f"{whole_site.url}/")
        places = {"r": "Runs", "m": "Models", "l": "Ledger", "y": "Mirror", "s": "Gates in force"}
        for key, heading in places.items():
            page.keyboard.press("g")
            page.keyboard.press(key)
            page.get_by_role("heading", name=heading, exact=True).wait_for()
            page.wait_for_load_state()  # keys mean something once the script has run
        page.keyboard.press("g")
        page.keyboard.press("o")
        page.get_by_role("heading", name="Overview").wait_for()
        page.wait_for_load_state()
        page.keyboard.press("/")
        page.keyboard.type("sent")
        page.keyboard.press("Enter")
        expect(listed(page, "sentiment")).to_be_visible()
        expect(listed(page, "summarise")).to_have_count(0)
        page.keyboard.press("Tab")  # out of the field: keys are letters there
        page.keyboard.press("?")
        page.get_by_role("heading", name="Keys").wait_for()
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Keys")).to_be_hidden()


def test_without_a_script_everything_can_be_read(whole_site: Site, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False, storage_state=whole_site.state)
    page = context.new_page()
    page.goto(f"{whole_site.url}/")
    listed(page, "sentiment").click()
    page.get_by_role("link", name="v2", exact=True).click()
    page.get_by_role("button", name="Render").click()
    expect(page.locator("#rendered")).to_be_visible()
    context.close()


@pytest.mark.parametrize("look", [LIGHT, NARROW], ids=lambda look: look.name)
def test_runs_are_ticked_and_compared(whole_site: Site, chromium: Browser, look) -> None:
    with looking(chromium, whole_site.url, look, whole_site.state) as page:
        page.goto(f"{whole_site.url}/runs/?prompt=sentiment")
        for version in ("sentiment@v3", "sentiment@v2"):
            page.get_by_label(f"Compare this run of {version}").check()
        page.get_by_role("button", name="Compare the ticked ones").click()
        page.get_by_role("heading", name="Against A, case by case").wait_for()
        assert overhang(page) == []
