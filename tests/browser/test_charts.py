"""Charts are in the colours of the page, follow its width, and say nothing the tables do not."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.addresses import address
from tests.browser.looking import DARK, LIGHT, NARROW, looking, overhang, violations
from tests.browser.site import Site

pytestmark = pytest.mark.browser

_PAGES = ("page-run", "page-compare")
_MOST_BYTES = 150_000
#: Of every canvas, its width and whether something in the colour is drawn on it.
_DRAWN = """(name) => {
    const wanted = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
    return [...document.querySelectorAll("figure[data-chart] canvas")].map((canvas) => {
        const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        let found = 0;
        for (let at = 0; at < data.length; at += 4)
            found += data[at] === r && data[at + 1] === g && data[at + 2] === b;
        return [width, found];
    });
}"""


def drawn(page: Page, colour: str) -> list[list[int]]:
    page.wait_for_timeout(300)  # it is told of changes of the window in its own time
    found: list[list[int]] = page.evaluate(_DRAWN, colour)
    return found


def visit(page: Page, site: Site, route: str) -> None:
    page.goto(site.url + address(route, site.arguments))
    expect(page.locator("figure[data-chart] canvas").first).to_be_visible()


@pytest.mark.parametrize("route", _PAGES)
def test_every_chart_is_drawn_in_light_and_dark(
    whole_site: Site, chromium: Browser, route: str
) -> None:
    lines: dict[str, Any] = {}
    for look in (LIGHT, DARK):
        with looking(chromium, whole_site.url, look, whole_site.state) as page:
            visit(page, whole_site, route)
            found = drawn(page, "--line")
            assert page.locator("figure[data-chart]:visible").count() == len(found)
            assert len(found) == page.locator("figure[data-chart]").count() >= 3
            assert all(pixels > 100 for _, pixels in found)
            lines[look.name] = page.evaluate(
                "getComputedStyle(document.documentElement).getPropertyValue('--line')"
            )
    assert lines["light"] != lines["dark"]


def test_charts_follow_the_colours_and_the_width_of_the_page(
    whole_site: Site, chromium: Browser
) -> None:
    with looking(chromium, whole_site.url, LIGHT, whole_site.state) as page:
        visit(page, whole_site, "page-run")
        wide = drawn(page, "--line")
        page.emulate_media(color_scheme="dark")
        assert all(pixels > 100 for _, pixels in drawn(page, "--line"))
        page.emulate_media(color_scheme="dark", media="print")
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        assert all(pixels > 100 for _, pixels in drawn(page, "--line"))
        page.emulate_media(color_scheme="light", media="screen")
        page.set_viewport_size({"width": NARROW.width, "height": NARROW.height})
        narrow = drawn(page, "--line")
        assert all(n[0] < w[0] for n, w in zip(narrow, wide, strict=True))
        assert violations(page) + overhang(page) == []


def test_a_pointer_reads_the_curves(whole_site: Site, chromium: Browser) -> None:
    with looking(chromium, whole_site.url, LIGHT, whole_site.state) as page:
        visit(page, whole_site, "page-run")
        curves = page.locator("figure[data-chart=curves]").first
        curves.locator(".u-over").hover()
        expect(curves.locator(".u-legend")).to_contain_text(" ms")
        expect(curves.locator(".u-legend")).to_contain_text(" %")


def test_without_a_script_the_tables_say_it_all(whole_site: Site, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False, storage_state=whole_site.state)
    page = context.new_page()
    page.goto(whole_site.url + address("page-run", whole_site.arguments))
    assert page.locator("figure[data-chart]:visible").count() == 0
    rates = page.get_by_role("region", name="Pass rates").get_by_role("table")
    expect(rates).to_contain_text("%")
    times = page.get_by_role("region", name="How long answers took").get_by_role("table")
    expect(times).to_contain_text("p95")
    context.close()


@pytest.mark.parametrize("route", [*_PAGES, "page-model"])
def test_a_first_load_is_small(whole_site: Site, chromium: Browser, route: str) -> None:
    with looking(chromium, whole_site.url, LIGHT, whole_site.state) as page:
        page.goto(whole_site.url + address(route, whole_site.arguments), wait_until="load")
        transferred = page.evaluate(
            """[...performance.getEntriesByType("navigation"),
                ...performance.getEntriesByType("resource")]
               .reduce((bytes, entry) => bytes + entry.transferSize, 0)"""
        )
        print(f"{route}: {transferred / 1000:.0f} KB")
        assert 50_000 < transferred < _MOST_BYTES
