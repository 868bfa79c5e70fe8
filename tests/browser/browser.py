"""The Chromium that is there, started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

from tests.browser.install import chromium

_OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """It runs while the block does."""
    program = chromium(playwright)
    assert program, "no Chromium on this machine: make test-browser"
    browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
    try:
        yield browser
    finally:
        browser.close()
