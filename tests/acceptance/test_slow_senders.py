"""Strangers who send a request's body a byte a minute do not stop a server with four threads."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from assay.target import Target
from tests.acceptance.conftest import Platform, platform

pytestmark = pytest.mark.slow

NOBODY = "http://127.0.0.1:9"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@contextmanager
def half_sent(assay: Platform, count: int, path: str, kind: str, more: str) -> Iterator[None]:
    """So many requests of which one byte of the body has come."""
    where = urlsplit(assay.tree.base_url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: 500\r\n{more}\r\n\r\nx"
    )
    with ExitStack() as stack:
        for _ in range(count):
            sender = stack.enter_context(
                socket.create_connection((where.hostname, where.port), timeout=30)
            )
            sender.sendall(head.encode())
        time.sleep(1)
        yield


def test_lookups_and_rollbacks_go_on_beside_slow_senders(tmp_path: Path) -> None:
    with platform(tmp_path, model_url=NOBODY) as assay, assay.client() as client:
        client.sync()
        client.override(Target("sentiment", 2), reason="there is to be a way back")
        signing_in = httpx.get(f"{assay.tree.base_url}/login/").cookies["csrftoken"]
        for path, kind, more in (
            ("/ofrep/v1/evaluate/flags", JSON, "Authorization: Bearer nobody"),
            ("/api/v1/prompts:batch", JSON, "Authorization: Bearer nobody"),
            ("/login/", FORM, f"Cookie: csrftoken={signing_in}"),
        ):
            with half_sent(assay, 20, path, kind, more):
                # Who would wait for them would wait longer than a client does.
                assert client.lookup("sentiment").version == 2, path
        with half_sent(assay, 20, "/login/", FORM, f"Cookie: csrftoken={signing_in}"):
            assert client.rollback("sentiment").version == 1
