"""People in front of the pages."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from registry.models import User
from tests.integration.registry.conftest import Shelf, make_shelf

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

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
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


def _parsed(answer: Any) -> _Text:
    parser = _Text()
    parser.feed(answer.content.decode())
    return parser
