"""Looking at a page as a person does, and as axe does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

#: For tests alone: it is never served.
_AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
#: WCAG 2.2 AA, and what axe's authors think good practice.
_RULES = "wcag2a wcag2aa wcag21a wcag21aa wcag22aa best-practice".split()


@dataclass(frozen=True)
class Look:
    """How a page is looked at. Sizes are in CSS pixels."""

    name: str
    width: int
    height: int
    scheme: str


LIGHT = Look("light", 1280, 900, "light")
DARK = Look("dark", 1280, 900, "dark")
NARROW = Look("narrow", 360, 780, "light")
LOOKS = (LIGHT, DARK, NARROW)


@contextmanager
def looking(
    browser: Browser, server: str, look: Look, state: Any = None, *, stream: str = ""
) -> Iterator[Page]:
    """A page that fails the test for script errors, policy violations and foreign addresses.

    `state` is what a signed-in browser has kept, `stream` where the server's other listener is.
    """
    scheme: Any = look.scheme
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=scheme,
        storage_state=state,
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    addresses: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda request: addresses.append(request.url))
    try:
        yield page
    finally:
        context.close()
    assert complaints == []
    known = tuple(filter(None, (server, stream)))
    assert [address for address in addresses if not address.startswith(known)] == []


def overhang(page: Page) -> list[str]:
    """What reaches beyond the window's right edge: nobody wants to scroll sideways for a page.

    What lies in a box that scrolls by itself does not count.
    """
    found: list[str] = page.evaluate(
        """() => {
            const edge = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= edge) return [];
            const wide = [...document.querySelectorAll("body *")].filter(
                (element) => element.getBoundingClientRect().right > edge + 0.5);
            return ["the page", ...wide.map((e) => e.outerHTML.slice(0, 120))];
        }"""
    )
    return found


def violations(page: Page) -> list[str]:
    """What axe finds wrong: the rule, and the element it is about."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    answer = page.evaluate(
        "(rules) => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", _RULES
    )
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in answer["violations"]
        for node in rule["nodes"]
    ]
