"""Somebody tries a version on a model that takes its time: in a browser, on the real web server."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.conftest import Platform, platform
from tests.browser.looking import LIGHT, looking
from tests.browser.site import sign_in_by_link
from tests.loopback import Quiet, on_loopback

pytestmark = pytest.mark.browser

WORDS, SECONDS_A_WORD = 60, 0.1


class SlowModel:
    """An OpenAI-compatible server on loopback that says a word at a time."""

    def __init__(self) -> None:
        self.left = threading.Event()
        self.finished = 0

    @contextmanager
    def running(self) -> Iterator[str]:
        handler = type("Handler", (_Handler,), {"model": self})
        with on_loopback(handler) as host:
            yield f"http://{host}"


class _Handler(Quiet, BaseHTTPRequestHandler):
    model: SlowModel

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/chat/completions"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(sum(map(len, _events()))))
        self.end_headers()
        try:
            for event in _events():
                self.wfile.write(event)
                time.sleep(SECONDS_A_WORD)
            self.model.finished += 1
        except (BrokenPipeError, ConnectionResetError):
            self.model.left.set()


def _events() -> list[bytes]:
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": f"word{n} "}, "finish_reason": None}]}
        for n in range(WORDS)
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 20, "completion_tokens": WORDS}
    chunks.append({"choices": [], "usage": usage})
    return [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


@pytest.fixture
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture
def assay(tmp_path: Path, model: SlowModel) -> Iterator[Platform]:
    with model.running() as url, platform(tmp_path, model_url=url) as started:
        with started.client() as client:
            client.sync()
        yield started


def lookup_ms(assay: Platform, count: int = 200) -> list[float]:
    with assay.client() as client:
        client.lookup("sentiment")
        found = []
        for _ in range(count):
            started = time.perf_counter()
            client.lookup("sentiment")
            found.append((time.perf_counter() - started) * 1000)
    return found


def test_words_come_as_they_are_said_and_nobody_waits_for_them(
    assay: Platform, model: SlowModel, chromium: Browser
) -> None:
    state = sign_in_by_link(chromium, assay)
    with looking(chromium, assay.tree.base_url, LIGHT, state) as page:
        page.goto(f"{assay.tree.base_url}/versions/1/sentiment")

        # What is typed in is rendered a moment later, with its tokens.
        page.locator(".inputs textarea, .inputs input").first.fill("I am so glad.")
        page.get_by_text("before the first variable").wait_for()

        page.get_by_label("Model").select_option("smollm2")
        alone = lookup_ms(assay)
        page.get_by_role("button", name="Ask the model").click()
        answer = page.locator("#answer pre")
        expect(answer).to_contain_text("word3")
        assert model.finished == 0, "the first words are there before the last is said"
        meanwhile = lookup_ms(assay)
        assert model.finished == 0, "the model still speaks"
        print(f"lookup, median ms: {statistics.median(alone):.2f} alone, ", end="")
        print(f"{statistics.median(meanwhile):.2f} while a model answers")
        # Generous: the claim is that no lookup queues up behind an answer of many seconds.
        assert max(meanwhile) < 1000

        # Stopping stops the model too, and frees the place at once.
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped.").wait_for()
        assert model.left.wait(5), "the model was let go"
        page.get_by_role("button", name="Ask the model").click()
        page.get_by_text("20 tokens read").wait_for(timeout=20_000)
        expect(answer).to_contain_text(f"word{WORDS - 1}")

    plain = chromium.new_context(java_script_enabled=False, storage_state=state)
    page = plain.new_page()
    page.goto(f"{assay.tree.base_url}/versions/1/sentiment")
    page.locator(".inputs textarea, .inputs input").first.fill("I am so glad.")
    page.get_by_label("Model").select_option("smollm2")
    page.get_by_role("button", name="Ask the model").click()
    page.get_by_text("20 tokens read").wait_for(timeout=20_000)
    expect(page.locator("#answer pre")).to_contain_text(f"word{WORDS - 1}")
    plain.close()
