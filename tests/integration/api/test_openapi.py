"""GET openapi.json: what the API says about itself is what it does."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.integration.api.access_table import TABLE
from tests.integration.api.routes import PAGES, routes


@pytest.fixture
def document(caller: APIClient) -> dict[str, Any]:
    answer = caller.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert "json" in answer.headers["Content-Type"]
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_openapi_3_with_the_two_ways_in(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.")
    schemes = document["components"]["securitySchemes"]
    assert schemes["token"]["scheme"] == "bearer"
    assert schemes["session"]["in"] == "cookie"


def test_it_describes_every_operation_of_the_table(document: dict[str, Any]) -> None:
    described = {
        (path.lstrip("/"), method.upper())
        for path, operations in document["paths"].items()
        for method in operations
    }
    templates = {str(p.name): _template(str(p.pattern)) for p in routes()}
    hidden = PAGES | {"healthz", "readyz", "openapi", "metrics"}
    # Interfaces of others have documents of their own, and hooks are for Git hosts.
    others = ("mlflow-", "ofrep-", "litellm-", "langfuse-", "hook-")
    expected = {
        (_full(row.route, templates), row.method)
        for row in TABLE
        if row.method != "HEAD" and row.route not in hidden and not row.route.startswith(others)
    }
    assert expected == described


def _template(pattern: str) -> str:
    for converter in ("path:", "uuid:", "str:"):
        pattern = pattern.replace(f"<{converter}", "{")
    return pattern.replace(">", "}")


def _full(route: str, templates: dict[str, str]) -> str:
    return templates[route] if route == "seed-lookup" else f"api/v1/{templates[route]}"


def test_every_operation_has_words_an_id_and_an_error(document: dict[str, Any]) -> None:
    operations = [
        operation for operations in document["paths"].values() for operation in operations.values()
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    for operation in operations:
        assert operation["description"].strip(), operation["operationId"]
        problem = operation["responses"]["default"]["content"]
        assert list(problem) == ["application/problem+json"]


def test_no_field_of_any_schema_is_a_secret(document: dict[str, Any]) -> None:
    names = {
        name
        for schema in document["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    assert not {
        name
        for name in names
        if any(word in name for word in ("hash", "secret", "password", "token"))
    } - {
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "ms_per_token",
        "judge_prompt_tokens",
        "judge_completion_tokens",
        "tokens",
        "tokenizer_revision",
    }
