"""A whole Assay with a past: evaluated, promoted, refused, overridden, alarmed, told to outsiders.

Server, worker and model are the real ones, and everything happens through commands and pages.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

from assay.target import Target
from config.serve import first_admin_link
from tests.acceptance.conftest import Platform, platform
from tests.browser.looking import LIGHT, looking
from tests.loopback import Quiet, on_loopback

ADMIN = "admin"
PASSWORD = "correct horse battery staple"
_DELIVERY_SECONDS = 30
#: Names and texts that no layout was made for.
_LONG = "a-team-with-a-rather-long-name/" + "summarise-very-long-customer-conversations" * 2
_HARD = {
    f"prompts/{_LONG}/prompt.yaml": f"description: {'Answers customers of all kinds. ' * 6}\n",
    f"prompts/{_LONG}/v1.jinja2": f"Sum it up: {'a' * 300}\n",
    "prompts/old-greeting/v1.jinja2": "Hi\n",
}


@dataclass
class Site:
    """A running platform, an admin's signed-in browser state, and what its addresses name."""

    platform: Platform
    state: Any
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.platform.tree.base_url

    def make_live(self, version: int) -> None:
        """Have `sentiment:stable` at v1 or v2, as a promotion or a rollback."""
        with self.platform.client() as client:
            if client.lookup("sentiment").version == version:
                return
            if version == 1:
                client.rollback("sentiment", reason="complaints about v2")
            else:
                target = Target("sentiment", version, model="smollm2")
                client.promote(target, reason="passed on Monday")


@contextmanager
def site(folder: Path, browser: Browser, *, is_hard: bool = True) -> Iterator[Site]:
    """Run it, and let it have its past; `is_hard`: with names that no layout was made for."""
    with _outsider() as address:
        settings = (
            ("ASSAY_WEBHOOK_OPS_URL", f"{address}/services/ops"),
            ("ASSAY_WEBHOOK_OPS_SECRET", "a secret of sixteen and more"),
            ("ASSAY_WEBHOOK_PAGER_URL", f"{address}/gone"),
            ("ASSAY_WEBHOOK_PAGER_SECRET", "a secret of sixteen and more"),
            ("ASSAY_WEBHOOK_ALLOW", "127.0.0.0/8"),
        )
        with platform(folder, settings=settings) as running:
            made = Site(running, sign_in_by_link(browser, running))
            _live_through(made, is_hard=is_hard)
            _invite(browser, made)
            made.arguments |= _arguments(made)
            yield made


def sign_in_by_link(browser: Browser, running: Platform) -> Any:
    """The state of a browser in which the first admin is signed in."""
    link = first_admin_link(running.tree)
    assert link is not None
    with looking(browser, running.tree.base_url, LIGHT) as page:
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        choose_password(page)
        return page.context.storage_state()


def listed(page: Page, prompt: str) -> Locator:
    """The link to a prompt in the overview's list."""
    region = page.get_by_role("region", name="Prompts")
    return region.get_by_role("link", name=prompt, exact=True)


def choose_password(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Again").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.get_by_text("Your password is set.").wait_for()


def _live_through(made: Site, *, is_hard: bool) -> None:
    run, repository = made.platform.run, made.platform.repository
    if is_hard:
        _commit_hard_names(repository)
    _expect(run("sync"))
    _expect(run("eval", "sentiment", "v2", "--model", "smollm2", "--wait"))
    reason = "passed on Monday"
    _expect(run("promote", "sentiment", "v2", "--model", "smollm2", "--reason", reason))
    _expect(run("eval", "sentiment", "v3", "--model", "smollm2", "--wait"), code=1)
    _expect(run("promote", "sentiment", "v3", "--model", "smollm2"), code=1)
    with made.platform.client() as client:
        target = Target("order-extract", 3, model="smollm2")
        client.override(target, reason="v2 lost the city of every second order")
    # Somebody edits what was published: it stays as it was, and an alarm says so.
    edited = repository / "prompts" / "summarise" / "v1.jinja2"
    edited.write_text(edited.read_text(encoding="utf-8") + "\nBe brief.\n", encoding="utf-8")
    if is_hard:
        shutil.rmtree(repository / "prompts" / "old-greeting")
    _commit(repository, "Say it shorter.")
    run("sync")
    _propose(made)


def _propose(made: Site) -> None:
    """A commit on a branch, checked by the server; nobody merges it."""
    repository = made.platform.repository
    folder = repository / "prompts" / "sentiment"
    text = (folder / "v2.jinja2").read_text(encoding="utf-8")
    _git(repository, "switch", "-qc", "proposal")
    (folder / "v4.jinja2").write_text(text.replace("word", "single word"), encoding="utf-8")
    _commit(repository, "Ask for a single word.")
    server = ["--base", "main", "--server", made.url]
    done = made.platform.run("ci", str(repository), *server)
    told = re.search(r"/checks/([0-9a-f-]{36})", done.stdout + done.stderr)
    assert told, done.stdout + done.stderr
    made.arguments["check"] = told[1]
    _git(repository, "switch", "-q", "main")


def _commit_hard_names(repository: Path) -> None:
    for name, text in _HARD.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tags = repository / "tags.yaml"
    more = f"{_LONG}:\n  stable: v1\nold-greeting:\n  stable: v1\n"
    tags.write_text(tags.read_text(encoding="utf-8") + more, encoding="utf-8")
    _commit(repository, "Names.")


def _commit(repository: Path, subject: str) -> None:
    _git(repository, "add", "-A")
    _git(repository, "commit", "-qm", subject)


def _git(repository: Path, *words: str) -> None:
    own = ("-c", "user.name=Alice Author", "-c", "user.email=alice@example.org")
    subprocess.run(["git", *own, *words], cwd=repository, check=True)


def _invite(browser: Browser, made: Site) -> None:
    """Somebody else, and a token, made on the pages."""
    with looking(browser, made.url, LIGHT, made.state) as page:
        page.goto(f"{made.url}/settings/people/")
        page.get_by_label("Name").fill("petra")
        page.get_by_label("promoter").check()
        page.get_by_role("button", name="Make a link").click()
        page.get_by_text("it is shown this once").wait_for()
        page.goto(f"{made.url}/settings/tokens/")
        page.get_by_label("Name").fill("storefront")
        page.get_by_label("Only these prompts").fill("support-chat team/*")
        page.get_by_role("button", name="Make the token").click()
        page.get_by_text("it is shown this once").wait_for()
        # Whom a message did not reach is on its page before anybody looks.
        page.goto(f"{made.url}/settings/webhooks/?channel=webhook+pager&state=dead")
        given_up = page.get_by_role("cell", name="given up")
        for _ in range(_DELIVERY_SECONDS):
            if given_up.count():
                return
            page.wait_for_timeout(1000)
            page.reload()
    raise AssertionError("the receiver that is gone was not given up")


def _arguments(made: Site) -> dict[str, Any]:
    """What the parts of addresses name, by their names in the URLconf."""
    with made.platform.client() as client:
        refused, passed = (
            next(client.runs(prompt="sentiment", version=version)).run for version in (3, 2)
        )
    return {
        "name": "sentiment",
        "canary": "support-chat",
        "number": 2,
        "model": "smollm2",
        "run": refused,
        "other": passed,
        "person": 1,
        "token": 1,
        "channel": "webhook pager",
    }


def _expect(done: subprocess.CompletedProcess[str], code: int = 0) -> None:
    assert done.returncode == code, done.stdout + done.stderr


@contextmanager
def _outsider() -> Iterator[str]:
    """Receivers of webhooks: one takes everything, one wants no more (410)."""

    class Receiver(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(410 if self.path == "/gone" else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with on_loopback(Receiver) as host:
        yield f"http://{host}"
