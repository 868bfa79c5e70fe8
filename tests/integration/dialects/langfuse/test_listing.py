"""Lists: pages, every filter of the SDK's documentation, and clear words for the rest."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from registry import promotion
from registry.domain.actor import SYSTEM
from registry.promotion import Target
from tests.integration.dialects.langfuse.conftest import PROMPTS, keyed, refused
from tests.integration.registry.conftest import Shelf, make_shelf


@pytest.fixture
def library(shelf: Shelf) -> Shelf:
    """`greeting` with stable v2 and canary v3, `team/reply`, `team/50-off` with nothing live."""
    promotion.promote(target=Target("greeting", "stable", 2), actor=SYSTEM)
    promotion.set_canary(prompt="greeting", version=3, weight=5, actor=SYSTEM)
    make_shelf("team/reply")
    make_shelf("team/50-off")
    return shelf


def listed(client: APIClient, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{PROMPTS}?{urlencode(query)}")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def versions(client: APIClient, **query: Any) -> dict[str, list[int]]:
    return {one["name"]: one["versions"] for one in listed(client, **query)["data"]}


def where(kind: str, column: str, operator: Any, value: Any) -> dict[str, str]:
    condition = {"type": kind, "column": column, "operator": operator, "value": value}
    return {"filter": json.dumps([condition])}


def test_an_entry_and_its_page(library: Shelf, app: APIClient) -> None:
    body = listed(app, limit=1, page=1)
    [entry] = body["data"]
    assert body["meta"] == {"page": 1, "limit": 1, "totalItems": 3, "totalPages": 3}
    assert entry.pop("lastUpdatedAt").endswith("Z")
    assert entry == {
        "name": "greeting",
        "type": "text",
        "versions": [1, 2, 3, 4],
        "labels": ["canary", "latest", "production", "stable"],
        "tags": [],
        "lastConfig": {},
    }
    assert listed(app, page=9)["data"] == []
    assert listed(app)["meta"]["limit"] == 10


ALL = [1, 2, 3, 4]
EVERYWHERE = {"greeting": ALL, "team/50-off": ALL, "team/reply": ALL}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name": "greeting"}, {"greeting": ALL}),
        ({"name": "greet"}, {}),
        ({"label": "production"}, {"greeting": [2]}),
        ({"label": "latest"}, {name: [4] for name in EVERYWHERE}),
        ({"tag": "any"}, {}),
        (where("string", "name", "starts with", "TEAM/"), dict(list(EVERYWHERE.items())[1:])),
        (where("string", "name", "contains", "e_t"), {"greeting": ALL}),
        (where("string", "name", "contains", "m%o%f"), {"team/50-off": ALL}),
        (where("string", "name", "contains", "\\%"), {}),
        (where("string", "name", "does not contain", "t"), {}),
        (where("string", "name", "ends with", "reply"), {"team/reply": ALL}),
        (where("string", "name", "=", "Greeting"), {}),
        (where("string", "type", "is not empty", ""), EVERYWHERE),
        (where("stringOptions", "name", "any of", ["greeting", "x"]), {"greeting": ALL}),
        (where("stringOptions", "type", "none of", ["text"]), {}),
        (where("number", "version", ">=", 3), {name: [3, 4] for name in EVERYWHERE}),
        (where("number", "version", "=", 2), {name: [2] for name in EVERYWHERE}),
        (where("arrayOptions", "labels", "any of", ["canary", "stable"]), {"greeting": [2, 3]}),
        (where("arrayOptions", "labels", "all of", ["production", "stable"]), {"greeting": [2]}),
        (where("arrayOptions", "tags", "none of", ["x"]), EVERYWHERE),
        ({"filter": "[]", "name": "greeting"}, EVERYWHERE),
    ],
)
def test_filters_choose_versions(
    library: Shelf, app: APIClient, query: dict[str, str], found: dict[str, list[int]]
) -> None:
    assert versions(app, **query) == found


def test_times(library: Shelf, app: APIClient) -> None:
    hour = timedelta(hours=1)
    before, after = ((timezone.now() + by).isoformat() for by in (-hour, hour))
    assert versions(app, fromUpdatedAt=before, toUpdatedAt=after) == EVERYWHERE
    assert versions(app, fromUpdatedAt=after) == versions(app, toUpdatedAt=before) == {}
    assert versions(app, **where("datetime", "createdAt", "<", after)) == EVERYWHERE
    assert versions(app, **where("datetime", "updatedAt", ">", after)) == {}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"colour": "red"}, "'colour' is not one of"),
        ({"limit": 101}, "a number from 1 to 100"),
        ({"limit": "x"}, "a number from 1 to 100"),
        ({"page": 0}, "a number from 1"),
        ({"fromUpdatedAt": "yesterday"}, "is not a time in ISO 8601"),
        ({"filter": "{"}, "filter is not JSON"),
        ({"filter": "{}"}, "filter is an array"),
        ({"filter": "[3]"}, "filter[0] is not an object"),
        (where("stringObject", "config", "=", "x"), "type is one of"),
        (where("string", "id", "=", "x"), "string goes with name, type, not with 'id'"),
        (where("string", "name", "matches", "x"), "'matches' with 'x' is no condition"),
        (where("number", "version", ">", "3"), "is no condition of type number"),
        (where("arrayOptions", "labels", "any of", []), "is no condition of type arrayOptions"),
        (where("datetime", "createdAt", "=", "2026-01-01"), "is no condition of type datetime"),
        (where("string", "name", ["="], "x"), "is no condition"),
    ],
)
def test_what_is_not_understood_is_refused(
    library: Shelf, app: APIClient, query: dict[str, Any], said: str
) -> None:
    answer = app.get(f"{PROMPTS}?{urlencode(query)}")
    assert said in refused(answer, 400, "InvalidRequestError")


def test_globs_hold_and_projects_are_shown_to_keys(library: Shelf, app: APIClient) -> None:
    limited = keyed(prompts=("team/*",), name="limited")
    assert list(versions(limited)) == ["team/50-off", "team/reply"]
    projects = app.get("/api/public/projects").json()["data"]
    assert set(projects[0]) == {"id", "name", "organization", "metadata"}
    nobody = APIClient().get("/api/public/projects")
    refused(nobody, 401, "UnauthorizedError")
    assert APIClient().get("/api/public/health").json()["status"] == "OK"


def test_a_pattern_of_many_percents_costs_no_time(library: Shelf, app: APIClient) -> None:
    assert versions(app, **where("string", "name", "=", "x")) == {}
    assert versions(app, **where("string", "name", "contains", "%e" * 200)) == {}
