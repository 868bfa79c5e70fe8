"""POST and DELETE prompts/{name}/canary: a share of the traffic, and its end."""

from __future__ import annotations

from rest_framework.test import APIClient

from tests.integration.api.conftest import problem, token_client
from tests.integration.registry.conftest import Shelf

CANARY = "/api/v1/prompts/greeting/canary"


def test_set_change_pause_and_clear(certified: Shelf) -> None:
    caller = token_client("promote")
    for revision, weight in enumerate((10, 100, 0), start=1):
        answer = caller.post(CANARY, {"version": 3, "weight": weight})
        assert (answer.status_code, answer.headers["ETag"]) == (201, f'"{revision}"')
        body = answer.json()
        assert (body["tag"], body["weight"], body["kind"]) == ("canary", weight, "promoted")
    cleared = caller.delete(CANARY, {"reason": "enough seen"})
    assert (cleared.status_code, cleared.headers["ETag"]) == (200, '"4"')
    body = cleared.json()
    assert (body["kind"], body["version"], body["reason"]) == ("cleared", None, "enough seen")
    assert body["previous"]["version"] == 3


def test_what_is_not_set_cannot_be_cleared(certified: Shelf, caller: APIClient) -> None:
    problem(caller.delete(CANARY), 409, "tag_not_set")
    caller.post(CANARY, {"version": 3, "weight": 10})
    assert caller.delete(CANARY).status_code == 200
    problem(caller.delete(CANARY), 409, "tag_not_set")


def test_it_needs_a_certificate_of_its_own_policy(certified: Shelf, caller: APIClient) -> None:
    body = problem(caller.post(CANARY, {"version": 4, "weight": 10}), 403, "not_certified")
    assert body["tag"] == "canary"
    problem(caller.post(CANARY, {"version": 1, "weight": 10}), 403, "not_certified")


def test_revisions_guard_both_ways(certified: Shelf, caller: APIClient) -> None:
    caller.post(CANARY, {"version": 3, "weight": 10})
    answer = caller.post(CANARY, {"version": 3, "weight": 20}, headers={"if-match": '"9"'})
    assert problem(answer, 409, "revision_conflict")["revision"] == 1
    problem(caller.delete(CANARY, {"expected_revision": 9}), 409, "revision_conflict")
    problem(caller.delete(CANARY, headers={"if-match": '"9"'}), 409, "revision_conflict")
    assert caller.delete(CANARY, headers={"if-match": '"1"'}).status_code == 200


def test_a_body_that_makes_no_sense(certified: Shelf, caller: APIClient) -> None:
    for body, pointer in [
        ({"version": 3}, "/weight"),
        ({"weight": 3}, "/version"),
        ({"version": 3, "weight": 101}, "/weight"),
        ({"version": 3, "weight": -1}, "/weight"),
        ({"version": 3, "weight": None}, "/weight"),
        ({"version": 3, "weight": 1, "tag": "stable"}, "/tag"),
    ]:
        errors = problem(caller.post(CANARY, body), 422, "invalid")["errors"]
        assert [error["pointer"] for error in errors] == [pointer]
    problem(caller.delete(CANARY, {"version": 3}), 422, "invalid")
