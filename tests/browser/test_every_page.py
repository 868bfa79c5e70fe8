"""Every page, in light, in dark and on a telephone: for everybody, quiet, and narrow enough.

Pages are found by their routes, so a new one is looked at without a line here.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.addresses import STRANGERS_PAGES, address, pages
from tests.browser.looking import LOOKS, NARROW, looking, overhang, violations
from tests.browser.site import Site

pytestmark = pytest.mark.browser

LIGHT_PAPER = "rgb(247, 246, 243)"


def faults(page: Page) -> list[str]:
    found = violations(page) + overhang(page)
    if page.locator("h1").count() != 1:
        found.append("a page has one heading")
    return found


@pytest.mark.parametrize("route", pages())
def test_a_page_is_for_everybody(whole_site: Site, chromium: Browser, route: str) -> None:
    for look in LOOKS:
        with looking(chromium, whole_site.url, look, whole_site.state) as page:
            answer = page.goto(whole_site.url + address(route, whole_site.arguments))
            assert answer is not None
            assert answer.status == 200
            assert faults(page) == [], f"{route} {look.name}"
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (paper == LIGHT_PAPER) == (look.scheme == "light")


@pytest.mark.parametrize("route", STRANGERS_PAGES)
def test_a_page_before_signing_in_is_for_everybody(
    whole_site: Site, chromium: Browser, route: str
) -> None:
    for look in LOOKS:
        with looking(chromium, whole_site.url, look) as page:
            page.goto(whole_site.url + address(route, whole_site.arguments))
            assert faults(page) == [], look.name


def test_a_page_that_is_not_there_is_a_page(whole_site: Site, chromium: Browser) -> None:
    for look in LOOKS:
        with looking(chromium, whole_site.url, look, whole_site.state) as page:
            page.goto(f"{whole_site.url}/plan/")
            # Asked for beside the page: the browser itself complains of a 404 on its console.
            answer = page.request.get(f"{whole_site.url}/prompts/nobody")
            assert answer.status == 404
            page.set_content(answer.text())
            assert "nobody" in page.inner_text("main")
            assert faults(page) == [], look.name


def test_a_fault_is_noticed(whole_site: Site, chromium: Browser) -> None:
    """What looks at the pages is not blind."""
    with looking(chromium, whole_site.url, NARROW, whole_site.state) as page:
        page.goto(f"{whole_site.url}/plan/")
        assert faults(page) == []
        page.evaluate(
            """() => {
                const main = document.querySelector("main");
                main.insertAdjacentHTML("beforeend", "<h1>Two</h1><pre><input></pre>");
                main.querySelector("pre").style.minWidth = "900px";
                main.querySelector("h1").style.color = getComputedStyle(document.body).background;
            }"""
        )
        found = "\n".join(faults(page))
        for word in ("label:", "the page", "a page has one heading"):
            assert word in found


def test_what_unfolds_is_for_everybody_too(whole_site: Site, chromium: Browser) -> None:
    """Answers side by side, formulas, the list of keys."""
    for look in LOOKS:
        with looking(chromium, whole_site.url, look, whole_site.state) as page:
            for route in ("page-run", "page-planner", "page-prompt"):
                page.goto(whole_site.url + address(route, whole_site.arguments))
                page.evaluate(
                    "for (const fold of document.querySelectorAll('details')) fold.open = true"
                )
                assert faults(page) == [], f"{route} {look.name}"
            page.keyboard.press("?")
            page.get_by_role("heading", name="Keys").wait_for()
            assert violations(page) == []
