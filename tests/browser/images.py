"""Pictures of every page, in light, in dark and on a telephone, for docs/images/.

    python tests/browser/images.py [FOLDER]

Takes them on a real Assay with a past (`site.py`), which it starts and stops. Times and commits
differ from one run to the next; nothing else does.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import django
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

if TYPE_CHECKING:
    from tests.browser.site import Site

_IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
_TALLEST, _COLOURS = 1400, 64


def main(folder: Path) -> None:
    """Start a site, look at all of it, and keep what was seen."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from tests.browser.browser import launched
    from tests.browser.site import site

    with (
        _named_folder() as scratch,
        sync_playwright() as playwright,
        launched(playwright) as browser,
        site(scratch, browser, is_hard=False) as running,
    ):
        running.make_live(2)
        _keep_busy(running)
        take(browser, running, folder)


def _keep_busy(running: Site) -> None:
    """Look at the model's server while it has something to do, then at what it serves."""
    run, look = running.platform.run, ("models", "probe", "smollm2")
    with ThreadPoolExecutor(1) as beside:
        asked = ("eval", "sentiment", "v1", "--model", "smollm2", "--fresh", "--wait")
        evaluated = beside.submit(run, *asked)
        while not evaluated.done():
            run(*look)
    for _ in range(3):
        run(*look, "--fingerprint")


@contextmanager
def _named_folder() -> Iterator[Path]:
    """Pages show where prompts come from: a name that can be read, and the same every time."""
    folder = Path(tempfile.gettempdir()) / "acme-prompts"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def take(browser: Browser, running: Site, folder: Path) -> None:
    """One picture of each page in each look, and none of pages that are gone."""
    from tests.browser.addresses import STRANGERS_PAGES, address, pages
    from tests.browser.looking import LOOKS, looking

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    for look in LOOKS:
        with looking(browser, running.url, look) as page:
            for route in STRANGERS_PAGES:
                page.goto(running.url + address(route, running.arguments))
                shoot(page, folder / f"{route}-{look.name}.png")
        with looking(browser, running.url, look, running.state) as page:
            for route in pages():
                page.goto(running.url + address(route, running.arguments))
                shoot(page, folder / f"{route.removeprefix('page-')}-{look.name}.png")


def shoot(page: Page, path: Path) -> None:
    """The page from its top, as high as it is, within reason, in few colours: a small file."""
    size = page.viewport_size
    assert size is not None
    high = min(page.evaluate("document.documentElement.scrollHeight"), _TALLEST)
    clip = FloatRect(x=0, y=0, width=size["width"], height=high)
    shot = page.screenshot(full_page=True, clip=clip, animations="disabled", scale="css")
    picture = Image.open(BytesIO(shot)).convert("RGB")
    few = picture.quantize(_COLOURS, kmeans=1, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else _IMAGES)
