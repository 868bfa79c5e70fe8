"""Callers of the REST API: tokens, people, nobody."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from registry import access
from registry.domain.model_pin import ModelPin
from registry.models import User
from tests.integration.registry.conftest import Shelf, make_shelf
from tests.integration.registry.git_repositories import PromptRepository

EVERYTHING = ("lookup", "read", "evaluate", "promote", "admin")
PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"
_numbers = itertools.count(1)

#: A prompt repository: adopted tags, a chat prompt with a partial, a folder.
FILES = {
    "prompts/chat/prompt.yaml": "description: Answers.\nowners: [a@example.org]\nmodel: tiny\n",
    "prompts/chat/v1.jinja2": "---\nvariables:\n  name: {}\n---\nHello {{ name }}\n",
    "prompts/chat/v2.jinja2": (
        "---\n"
        "description: Answers in a tone.\n"
        "type: chat\n"
        "variables:\n"
        "  ticket: {type: string, maxLength: 40}\n"
        "  tone: {type: string, enum: [warm, terse], default: warm}\n"
        "parameters: {temperature: 0, max_tokens: 8}\n"
        "---\n"
        '{% chat role="system" %}{% include "partials/tone/v1" %}{{ tone }}.{% endchat %}\n'
        '{% placeholder "history" %}\n'
        '{% chat role="user" %}{{ ticket }}{% endchat %}\n'
    ),
    "prompts/partials/tone/v1.jinja2": "Be ",
    "prompts/team/reply/v1.jinja2": "Reply\n",
    "models.yaml": (
        "models:\n  tiny: {served_id: tiny-chat, revision: r1, engine: llama.cpp}\n"
        "  loose: {served_id: loose, base_url: 'http://127.0.0.1:1'}\n"
    ),
    "gates.yaml": "policies:\n  release: {min_cases: 30}\ntags: {stable: release}\n",
    "tags.yaml": (
        "chat:\n  stable: {version: v1, model: tiny}\n"
        "  canary: {version: v2, model: tiny, weight: 25}\nteam/reply:\n  stable: v1\n"
    ),
}


def token_client(
    *scopes: str,
    prompts: tuple[str, ...] = (),
    name: str = "",
    expires_at: datetime | None = None,
) -> APIClient:
    """A caller with a new token; every scope when none is named. A 500 is an answer, no raise.

    Without a name the first is `ci`, the others have numbers.
    """
    if not name:
        name = f"ci-{next(_numbers)}" if access.live_token("ci") else "ci"
    _, secret = access.create_token(
        name=name,
        scopes=scopes or EVERYTHING,
        prompts=prompts,
        created_by="test",
        expires_at=expires_at,
    )
    return bearer(secret)


def bearer(secret: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def person(role: str) -> User:
    """A user without a password; nobody signs in by one here."""
    user = User(username=f"{role}-{next(_numbers)}", role=role)
    user.set_unusable_password()
    user.save()
    return user


def session_client(role: str, *, csrf: bool = False) -> APIClient:
    """A caller signed in by session."""
    client = APIClient(enforce_csrf_checks=csrf, raise_request_exception=False)
    client.force_login(person(role), backend=PASSWORD_BACKEND)
    return client


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body of a problem+json answer, after checking what every one of them has."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert (body["type"], body["status"], body["code"]) == ("about:blank", status, code), body
    assert body["title"]
    assert body["detail"]
    return body


@pytest.fixture
def shelf(db: None) -> Shelf:
    """`greeting` with versions 1 to 4 on the model `tiny`; nothing is certified or live."""
    made = make_shelf()
    made.model.pin = ModelPin("tiny", "tiny", "r1", engine="llama.cpp").to_json()
    made.model.save()
    return made


@pytest.fixture
def certified(shelf: Shelf) -> Shelf:
    """Versions 1 and 2 are certified for `stable`, 3 for `canary`; nothing is live."""
    for number in (1, 2):
        shelf.certify(number)
    shelf.certify(3, policy="trial")
    return shelf


@pytest.fixture
def caller(db: None) -> APIClient:
    """A token that may do everything."""
    return token_client()


Moves = Callable[..., dict[str, Any]]


@pytest.fixture
def promoted(certified: Shelf, caller: APIClient) -> Moves:
    """Promote through the API and return the event."""

    def promote(version: int, *, prompt: str = "greeting", **body: Any) -> dict[str, Any]:
        answer = caller.post(f"/api/v1/prompts/{prompt}/promotions", {"version": version, **body})
        assert answer.status_code == 201, answer.content
        event: dict[str, Any] = answer.json()
        return event

    return promote


@pytest.fixture
def repository(db: None, settings: Settings, tmp_path: Path) -> PromptRepository:
    """A real Git repository with FILES, not synced yet."""
    made = PromptRepository(tmp_path / "prompts")
    made.write(FILES).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    return made


@pytest.fixture
def library(repository: PromptRepository, caller: APIClient) -> PromptRepository:
    """The repository, synced through the API."""
    answer = caller.post("/api/v1/syncs", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.content
    errors = [f for f in answer.json()["findings"] if f["severity"] == "error"]
    assert errors == []
    return repository
