"""POST releases: several tags move together, or none does."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from registry.models.ledger import Release, TagEvent
from tests.integration.api.conftest import problem, token_client
from tests.integration.registry.conftest import Shelf, make_shelf

RELEASES = "/api/v1/releases"


@pytest.fixture
def two(certified: Shelf) -> Shelf:
    """A second prompt, `team/farewell`, with v1 certified."""
    other = make_shelf("team/farewell")
    other.certify(1)
    return other


def target(prompt: str, version: int, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "version": version, **more}


def test_all_tags_move_as_one(two: Shelf) -> None:
    body = {
        "targets": [
            target("team/farewell", 1, tag="stable"),
            target("greeting", 2),
            target("greeting", 3, tag="canary", weight=10, model="tiny"),
        ],
        "reason": "spring",
    }
    answer = token_client("promote").post(RELEASES, body)
    assert answer.status_code == 201, answer.content
    found = answer.json()
    assert set(found) == {"release", "moves"}
    moved = {(move["prompt"], move["tag"]): move["version"] for move in found["moves"]}
    assert moved == {
        ("greeting", "stable"): 2,
        ("greeting", "canary"): 3,
        ("team/farewell", "stable"): 1,
    }
    assert {move["release"] for move in found["moves"]} == {found["release"]}
    assert {move["reason"] for move in found["moves"]} == {"spring"}


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        (target("greeting", 4), 403, "not_certified"),
        (target("greeting", 9), 404, "version_unknown"),
        (target("nobody", 1), 404, "prompt_unknown"),
        (target("greeting", 1, expected_revision=5), 409, "revision_conflict"),
        (target("greeting", 1, weight=5), 422, "canary_needs_weight"),
    ],
)
def test_one_that_cannot_move_stops_all(
    bad: dict[str, Any], status: int, code: str, two: Shelf, caller: APIClient
) -> None:
    for targets in ([target("team/farewell", 1), bad], [bad, target("team/farewell", 1)]):
        problem(caller.post(RELEASES, {"targets": targets}), status, code)
    assert TagEvent.objects.count() == Release.objects.count() == 0


def test_globs_hold_for_each_tag(two: Shelf) -> None:
    caller = token_client("promote", prompts=("team/*",))
    both = [target("team/farewell", 1), target("greeting", 1)]
    problem(caller.post(RELEASES, {"targets": both}), 403, "not_allowed")
    assert TagEvent.objects.count() == 0
    assert caller.post(RELEASES, {"targets": both[:1]}).status_code == 201


def test_a_body_that_makes_no_sense(two: Shelf, caller: APIClient) -> None:
    for body, pointer in [
        ({}, "/targets"),
        ({"targets": []}, "/targets"),
        ({"targets": {}}, "/targets"),
        ({"targets": [target("greeting", 1), {"prompt": "greeting"}]}, "/targets/1/version"),
        ({"targets": [target("greeting", 1, force=True)]}, "/targets/0/force"),
        ({"targets": ["greeting"]}, "/targets/0"),
        ({"targets": [target("greeting", 1)] * 201}, "/targets"),
    ]:
        errors = problem(caller.post(RELEASES, body), 422, "invalid")["errors"]
        assert pointer in {error["pointer"] for error in errors}, errors
