"""Langfuse's interface as its clients speak it, in one process."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from rest_framework.test import APIClient

from registry import access
from registry.models import Outcome
from tests.integration.registry.conftest import Shelf, make_shelf

BASE = "/api/public/"
PROMPTS = f"{BASE}v2/prompts"


def keyed(*scopes: str, prompts: tuple[str, ...] = (), name: str = "app") -> APIClient:
    """A client that shows a public key and a new token."""
    _, secret = access.create_token(
        name=name, scopes=scopes or ("lookup",), prompts=prompts, created_by="test"
    )
    client = APIClient(raise_request_exception=False)
    pair = base64.b64encode(f"pk-lf-any:{secret}".encode()).decode()
    client.credentials(HTTP_AUTHORIZATION=f"Basic {pair}", HTTP_X_LANGFUSE_SDK_NAME="python")
    return client


def refused(answer: Any, status: int, name: str) -> str:
    """The message of an error, after checking what its clients read of it."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    body = answer.json()
    assert body["error"] == name, body
    message: str = body["message"]
    assert message
    return message


def outcomes() -> list[tuple[Any, ...]]:
    """`(score, version, arm, name, value, words)` of all that was kept."""
    rows = Outcome.objects.order_by("score")
    return list(rows.values_list("score", "version__number", "arm", "name", "value", "words"))


@pytest.fixture
def shelf(db: None) -> Shelf:
    """`greeting` with four versions; 1 and 2 certified for stable, 3 for canary."""
    made = make_shelf()
    for number in (1, 2):
        made.certify(number)
    made.certify(3, policy="trial")
    return made


@pytest.fixture
def app(shelf: Shelf) -> APIClient:
    """An application: its token may look up."""
    return keyed()
