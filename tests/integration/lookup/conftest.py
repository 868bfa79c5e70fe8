"""A fast path over a real database: commits are real, because another connection must see them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connections

from config.fast_path import FastPath
from registry import access
from registry.domain.actor import Actor, Role
from registry.lookup import Lookups
from registry.promotion import Target, override
from tests.integration.registry.conftest import Shelf, make_shelf

ADMIN = Actor("user:ada", Role.ADMIN.scopes)


@dataclass(frozen=True)
class Got:
    """An answer, and whether Django was asked for it."""

    status: int
    headers: dict[str, str]
    body: bytes
    was_django: bool


class Web:
    """One web process's application, called as granian would."""

    def __init__(self) -> None:
        self.lookups = Lookups("web")
        self.django: Callable[..., Any] = get_wsgi_application()
        self.asked_django = 0
        self.application = FastPath(self._counted, self.lookups)

    def _counted(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.asked_django += 1
        return self.django(environ, start_response)

    def start(self) -> Web:
        self.lookups.start()
        assert self.lookups.keeper.wait_until_warm(60)
        return self

    def settle(self) -> Web:
        """Let it know all that was committed so far."""
        self.lookups.keeper.expire()
        self.lookups.keeper.freshness()
        eventually(lambda: self.lookups.keeper.is_complete)
        return self

    def post(self, path: str, body: Any, *, straight: bool = False, **headers: str) -> Got:
        """`body` is JSON, or bytes as they are sent."""
        sent = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.get(path, straight=straight, method="POST", body=sent, **headers)

    def get(
        self,
        path: str,
        *,
        straight: bool = False,
        method: str = "GET",
        body: bytes = b"",
        **headers: str,
    ) -> Got:
        """`straight`: past the fast path."""
        environ = environ_of(path, method, body, headers)
        started: list[tuple[str, list[tuple[str, str]]]] = []
        application = self.django if straight else self.application
        before = self.asked_django
        answer = application(environ, lambda *given: started.append(given))
        content = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        [(status, sent)] = started
        assert len({name for name, _ in sent}) == len(sent)
        return Got(int(status[:3]), dict(sent), content, straight or self.asked_django > before)


def environ_of(path: str, method: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """A request as granian hands it over."""
    path, _, query = path.partition("?")
    sized = {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json"} if body else {}
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "HTTP_HOST": "testserver",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        **sized,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }


@pytest.fixture
def shelf(transactional_db: None) -> Shelf:
    """`greeting` with four versions; 1 and 2 certified for stable, 3 for canary."""
    made = make_shelf()
    for number in (1, 2):
        made.certify(number)
    made.certify(3, policy="trial")
    return made


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    made = Web()
    try:
        yield made.start()
    finally:
        made.lookups.stop()
        connections.close_all()


def bearer(*scopes: str, prompts: tuple[str, ...] = (), name: str = "app", **more: Any) -> str:
    """The Authorization header of a new token."""
    _, secret = access.create_token(
        name=name, scopes=scopes or ("lookup",), prompts=prompts, created_by="test", **more
    )
    return f"Bearer {secret}"


def go_live(version: int, tag: str = "stable", *, prompt: str = "greeting", **more: Any) -> None:
    override(target=Target(prompt, tag, version, **more), actor=ADMIN, reason="test")


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)
