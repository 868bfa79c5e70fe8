"""A Chromium and a whole Assay for the session's browser tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.browser import launched
from tests.browser.site import Site, site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


@pytest.fixture(scope="session")
def whole_site(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Site]:
    """A running Assay with a past. Tests may move `sentiment:stable` and say first where it is."""
    with site(tmp_path_factory.mktemp("site"), chromium) as running:
        yield running
