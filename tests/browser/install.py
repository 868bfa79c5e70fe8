"""Find a Chromium, or install one: Debian's as root, Playwright's own otherwise.

    python tests/browser/install.py

Says which one the tests will use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

_NAMES = ("chromium", "chromium-browser")
_DEBIANS = (
    ["apt-get", "update", "-qq"],
    ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium"],
)
_PLAYWRIGHTS = [sys.executable, "-m", "playwright", "install", "chromium"]


def chromium(playwright: Playwright) -> str | None:
    """The program of a Chromium on this machine; None where there is none."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def main() -> None:
    """Install one where none is found; ends with an error where that fails."""
    with sync_playwright() as playwright:
        if not chromium(playwright) and os.geteuid() == 0 and shutil.which("apt-get"):
            for command in _DEBIANS:
                _try(command)
        if not chromium(playwright):
            _try(_PLAYWRIGHTS)
        if not (found := chromium(playwright)):
            sys.exit("no Chromium, and none could be installed: apt-get install chromium")
    print(f"Chromium: {found}")


def _try(command: list[str]) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        print(f"{' '.join(command)} ended with {done.returncode}", file=sys.stderr)


if __name__ == "__main__":
    main()
