"""Traces passed on to a Langfuse: as they came, and never at the sender's cost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from registry.dialects.langfuse import forwarding, ingestion
from tests.integration.dialects.langfuse.test_outcomes import SPAN, TRACE, protobuf, send
from tests.integration.registry.conftest import Shelf
from tests.loopback import Quiet

_PATIENCE_SECONDS = 20


class _Langfuse(ThreadingHTTPServer):
    """Answers `status` and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: Queue[tuple[str, dict[str, str], bytes]] = Queue()
        self.status = 200


class _Handler(Quiet, BaseHTTPRequestHandler):
    server: _Langfuse

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.put((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def langfuse(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Langfuse]:
    server = _Langfuse()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    settings.LANGFUSE_FORWARD_URL = f"http://127.0.0.1:{server.server_port}"
    settings.LANGFUSE_FORWARD_PUBLIC_KEY, settings.LANGFUSE_FORWARD_SECRET_KEY = "pk", "sk"
    monkeypatch.setattr(ingestion, "FORWARDER", forwarding.Forwarder())
    yield server
    server.shutdown()
    server.server_close()


def test_they_arrive_as_they_came_with_our_keys(
    shelf: Shelf, app: APIClient, langfuse: _Langfuse
) -> None:
    body = protobuf((TRACE, SPAN, "greeting", 2))
    assert send(app, body, **{"x-langfuse-ingestion-version": "4"}).status_code == 200
    path, headers, got = langfuse.got.get(timeout=_PATIENCE_SECONDS)
    assert (path, got) == ("/api/public/otel/v1/traces", body)
    assert headers["Authorization"] == "Basic cGs6c2s="
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["X-Langfuse-Ingestion-Version"] == "4"


def test_a_langfuse_that_fails_is_said_once_and_costs_the_sender_nothing(
    shelf: Shelf, app: APIClient, langfuse: _Langfuse, caplog: pytest.LogCaptureFixture
) -> None:
    langfuse.status = 500
    for _ in range(3):
        assert send(app, protobuf((TRACE, SPAN, "greeting", 2))).status_code == 200
    for _ in range(3):
        langfuse.got.get(timeout=_PATIENCE_SECONDS)
    langfuse.status = 200
    send(app, protobuf((TRACE, SPAN, "greeting", 2)))
    langfuse.got.get(timeout=_PATIENCE_SECONDS)
    said = [one for one in caplog.messages if "not passed on" in one]
    assert len(said) == 1
    assert "500" in said[0]


def test_what_waits_is_bounded(
    shelf: Shelf, app: APIClient, langfuse: _Langfuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "_MOST_BYTES", 10)
    assert send(app, protobuf((TRACE, SPAN, "greeting", 2))).status_code == 200
    assert langfuse.got.empty()


def test_without_an_address_nothing_is_sent(
    shelf: Shelf, app: APIClient, langfuse: _Langfuse, settings: Settings
) -> None:
    settings.LANGFUSE_FORWARD_URL = ""
    assert send(app, protobuf((TRACE, SPAN, "greeting", 2))).status_code == 200
    assert langfuse.got.empty()
