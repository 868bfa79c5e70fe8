"""The dashboard in a real browser: from the one-time link to the overview, in light and dark.

Needs Chromium (`apt-get install chromium`). `tmp_path` keeps a screenshot of every page.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from evals.models import EvalRun
from registry import access, promotion
from registry.domain.actor import SYSTEM, Actor, Scope
from registry.models import GatePolicy, MirrorAlarm, MirrorState, Prompt, SyncRun, User
from registry.promotion import Adoption, Target
from tests.integration.registry.conftest import Shelf, make_shelf

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery staple"
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WIDE, NARROW = (1280, 900), (390, 844)
LONG = "a-team-with-a-rather-long-name/" + "summarise-very-long-customer-conversations" * 2


@pytest.fixture
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "no chromium on this machine: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def looking(browser: Browser, server: str, size: tuple[int, int], scheme: Any) -> Iterator[Page]:
    """A page that fails the test for script errors, policy violations and foreign addresses."""
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda request: addresses.append(request.url))
    addresses: list[str] = []
    yield page
    context.close()
    assert complaints == []
    assert [address for address in addresses if not address.startswith(server)] == []


def fits(page: Page) -> bool:
    """Whether the page is no wider than the window: nobody wants to scroll sideways."""
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


def sign_in(page: Page, server: str) -> None:
    page.goto(f"{server}/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def run(shelf: Shelf, **changes: Any) -> None:
    policy = GatePolicy.objects.get(name="release")
    EvalRun.objects.create(
        version=shelf.version(1),
        model=shelf.model,
        suite_digest=shelf.prompt.suite_digest,
        tag="stable",
        policy=policy.name,
        policy_digest=policy.digest,
        policy_spec=policy.spec,
        requested_by="test",
        created_at=timezone.now(),
        **changes,
    )


@pytest.fixture
def busy() -> None:
    """Every kind of row the overview has."""
    User.objects.create_user("ada", password=PASSWORD, role="admin")
    petra = Actor("user:petra", frozenset(Scope))
    certified, canary, adopted, overridden, orphan = (
        make_shelf(name)
        for name in ("support-chat", "team/reply", "ticket-classifier", LONG, "old-greeting")
    )
    Prompt.objects.filter(name="support-chat").update(description="Answers customers. " * 6)
    Prompt.objects.filter(name="old-greeting").update(orphaned=True)
    for version in (1, 2):
        certified.certify(version)
        promotion.promote(
            target=Target("support-chat", "stable", version), actor=petra, reason="passed on Monday"
        )
    canary.certify(1)
    canary.certify(3, policy="trial")
    promotion.promote(target=Target("team/reply", "stable", 1), actor=SYSTEM)
    promotion.set_canary(prompt="team/reply", version=3, weight=10, actor=petra)
    promotion.adopt(
        adoptions=[
            Adoption(adopted.prompt, "stable", adopted.version(2), adopted.model),
            Adoption(orphan.prompt, "stable", orphan.version(1), None),
        ],
        commit="c" * 40,
    )
    promotion.override(
        target=Target(LONG, "stable", 4), actor=petra, reason="The shop is on fire. " * 8
    )
    MirrorState.objects.create(
        url="https://git.example.org/prompts.git",
        ref="main",
        applied_commit=uuid.uuid4().hex,
        fetched_at=timezone.now() - timedelta(minutes=3),
    )
    SyncRun.objects.create(status="applied", commit="c" * 40)
    MirrorAlarm.objects.create(
        kind="version_edited",
        subject="v1",
        message="prompts/support-chat/v1.jinja2 was edited after it was published; v1 stays as "
        "it was: " + "f" * 80,
    )
    run(certified, status="finished", verdict="FAIL", reasons=["12 of 30 cases failed"])
    run(certified, status="finished", verdict="INCONCLUSIVE", reasons=["30 cases; 74 would decide"])
    run(overridden, status="running")


def test_from_the_link_to_the_overview(
    live_server: LiveServer, chromium_after_link: tuple[str, Browser], tmp_path: Path
) -> None:
    link, chromium = chromium_after_link
    with looking(chromium, live_server.url, WIDE, "light") as page:
        page.goto(link)
        page.screenshot(path=tmp_path / "welcome.png")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Again").fill(PASSWORD)
        page.screenshot(path=tmp_path / "password.png")
        page.get_by_role("button", name="Set password").click()
        page.get_by_text("Your password is set.").wait_for()
        assert page.get_by_role("heading", name="Overview").is_visible()
        page.screenshot(path=tmp_path / "first-overview.png", full_page=True)
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("heading", name="Sign in").wait_for()
        page.screenshot(path=tmp_path / "login.png")


@pytest.fixture
def chromium_after_link(
    live_server: LiveServer, request: pytest.FixtureRequest
) -> tuple[str, Browser]:
    """The link first: Playwright's event loop forbids Django's database in this thread."""
    link = access.first_admin_link(live_server.url)
    assert link is not None
    return link, request.getfixturevalue("chromium")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_overview_is_readable(
    scheme: str,
    size: tuple[int, int],
    busy: None,
    live_server: LiveServer,
    chromium: Browser,
    tmp_path: Path,
) -> None:
    with looking(chromium, live_server.url, size, scheme) as page:
        page.goto(f"{live_server.url}/login/")
        page.screenshot(path=tmp_path / "login.png")
        assert fits(page)
        sign_in(page, live_server.url)
        page.screenshot(path=tmp_path / "overview.png", full_page=True)
        assert fits(page)
        for words in ("certified", "overridden", "unproven", "removed from Git", "1 alarm"):
            assert page.get_by_text(words).first.is_visible(), words
        style = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(style) == "rgb(247, 246, 243)"
        assert light == (scheme == "light"), "the stylesheet is there and follows the system"


def test_everything_can_be_reached_by_keyboard(
    busy: None, live_server: LiveServer, chromium: Browser
) -> None:
    with looking(chromium, live_server.url, WIDE, "light") as page:
        page.goto(f"{live_server.url}/login/")
        page.keyboard.type("ada")  # the first field has the focus
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        assert page.get_by_role("button", name="Sign out").is_visible()
