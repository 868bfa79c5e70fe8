"""People in front of the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from registry.models import User
from tests.integration.evals.conftest import editor, repository, server
from tests.integration.registry.conftest import Shelf, make_shelf

#: A published repository with a scripted model, for runs on pages.
__all__ = ["editor", "repository", "server"]

PASSWORD = "correct horse battery staple"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Settings) -> None:
    """A million rounds for each password are for attackers, not for tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def shelf(db: None) -> Shelf:
    return make_shelf()


@pytest.fixture
def ada(db: None) -> User:
    """An admin with a password."""
    return User.objects.create_user("ada", password=PASSWORD, role="admin")


@pytest.fixture
def as_role(db: None) -> Callable[[str], Client]:
    """A browser of a person with that role."""

    def signed_in(role: str) -> Client:
        client = Client()
        person = User.objects.create_user(f"the-{role}", password=PASSWORD, role=role)
        client.force_login(person, backend=BACKEND)
        return client

    return signed_in


@pytest.fixture
def browser(ada: User) -> Client:
    """Signed in as ada."""
    client = Client()
    client.force_login(ada, backend=BACKEND)
    return client


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.has_own_script = False
        self._is_in_script = False

    def handle_data(self, data: str) -> None:
        self.words += data.split()
        self.has_own_script |= self._is_in_script and bool(data.strip())

    def handle_endtag(self, tag: str) -> None:
        self._is_in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_in_script = tag == "script"
        self.tags.append(tag)
        self.tags += [f"{tag}[{name}]" for name, _ in attrs]


Read = Callable[[Any], str]


def text_of(answer: Any) -> str:
    """What a person reads on the page, in one line."""
    assert answer.status_code < 500, answer.content
    return " ".join(_parsed(answer).words)


def tags_of(answer: Any) -> set[str]:
    """The elements of the page, and `element[attribute]` for each attribute."""
    return set(_parsed(answer).tags)


def charts_of(answer: Any) -> list[dict[str, Any]]:
    """What is drawn on the page, as its charts carry it."""
    carried = re.findall(r'data-values="(.*?)"', answer.content.decode())
    return [json.loads(unescape(values)) for values in carried]


def assert_nothing_inline(answer: Any) -> None:
    """Nothing that the Content-Security-Policy would block: scripts and styles are files."""
    page = _parsed(answer)
    blocked = {tag for tag in page.tags if "[style]" in tag or "[on" in tag or tag == "style"}
    assert not blocked
    assert not page.has_own_script
    assert page.tags.count("script") == page.tags.count("script[src]")


def _parsed(answer: Any) -> _Text:
    parser = _Text()
    parser.feed(answer.content.decode())
    return parser
