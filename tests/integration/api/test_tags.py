"""GET prompts/{name}/tags: where each tag points; what `assay show` prints."""

from __future__ import annotations

from rest_framework.test import APIClient

from tests.integration.api.conftest import Moves, problem, token_client
from tests.integration.registry.conftest import Shelf

TAGS = "/api/v1/prompts/greeting/tags"


def test_tags_and_versions_of_a_prompt(promoted: Moves, caller: APIClient) -> None:
    promoted(1)
    promoted(3, tag="canary", weight=10)
    body = token_client("read").get(TAGS).json()
    assert set(body) == {"name", "tags", "versions"}
    assert (body["name"], body["versions"]) == ("greeting", [1, 2, 3, 4])
    stable, canary = body["tags"]["stable"], body["tags"]["canary"]
    assert (stable["version"], stable["model"], stable["revision"]) == (1, "tiny", 1)
    assert (stable["kind"], stable["proven"], stable["weight"]) == ("promoted", True, None)
    assert (canary["version"], canary["weight"]) == (3, 10)
    assert canary["actor"] == "token:ci"


def test_a_tag_that_was_cleared_keeps_its_revision(promoted: Moves, caller: APIClient) -> None:
    """Who sets it again must be able to say which revision they have seen."""
    promoted(3, tag="canary", weight=10)
    caller.delete("/api/v1/prompts/greeting/canary")
    canary = caller.get(TAGS).json()["tags"]["canary"]
    assert (canary["version"], canary["kind"], canary["revision"]) == (None, "cleared", 2)
    assert (canary["model"], canary["weight"], canary["proven"]) == (None, None, False)
    again = caller.post(
        "/api/v1/prompts/greeting/canary", {"version": 3, "weight": 5}, headers={"if-match": '"2"'}
    )
    assert again.status_code == 201


def test_a_prompt_without_tags(shelf: Shelf, caller: APIClient) -> None:
    assert caller.get(TAGS).json()["tags"] == {}
    problem(caller.get("/api/v1/prompts/nobody/tags"), 404, "prompt_unknown")
