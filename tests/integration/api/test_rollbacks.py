"""POST prompts/{name}/rollbacks: what was live before is live again, without asking anybody."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from core.digest import digest
from registry import certificates
from tests.integration.api.conftest import Moves, problem, token_client
from tests.integration.registry.conftest import Shelf

ROLLBACKS = "/api/v1/prompts/greeting/rollbacks"


def roll_back(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post(ROLLBACKS, body)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    assert answer.headers["ETag"] == f'"{found["revision"]}"'
    return found


def test_one_step_back(promoted: Moves) -> None:
    first, second = promoted(1), promoted(2)
    back = roll_back(token_client("promote"), reason="complaints")
    assert (back["kind"], back["version"], back["revision"]) == ("rolled_back", 1, 3)
    assert (back["restores"], back["certificate"]) == (first["event"], None)
    assert (back["previous"]["event"], back["reason"]) == (second["event"], "complaints")
    assert back["warnings"] == []


def test_to_a_version_by_number(promoted: Moves, caller: APIClient) -> None:
    for version in (1, 2, 1, 2):
        promoted(version)
    assert roll_back(caller, to_version=1)["version"] == 1
    body = problem(caller.post(ROLLBACKS, {"to_version": 4}), 409, "nothing_to_roll_back_to")
    assert "no entry to go back to with v4" in body["detail"]


def test_it_needs_no_certificate_but_says_when_the_model_has_drifted(
    promoted: Moves, shelf: Shelf, caller: APIClient
) -> None:
    promoted(1)
    promoted(2)
    certificates.record_fingerprint(
        model=shelf.model, fingerprint=digest("other"), mode="text", now=timezone.now()
    )
    [warning] = roll_back(caller)["warnings"]
    assert "serves something else than when greeting@v1 was certified" in warning


def test_it_loses_against_somebody_faster(promoted: Moves, caller: APIClient) -> None:
    promoted(1)
    promoted(2)
    answer = caller.post(ROLLBACKS, {"expected_revision": 1})
    assert problem(answer, 409, "revision_conflict")["revision"] == 2
    answer = caller.post(ROLLBACKS, {}, headers={"if-match": '"2"'})
    assert answer.status_code == 201


def test_nothing_to_go_back_to(promoted: Moves, caller: APIClient) -> None:
    problem(caller.post(ROLLBACKS, {}), 409, "tag_not_set")
    promoted(1)
    problem(caller.post(ROLLBACKS, {}), 409, "nothing_to_roll_back_to")
    problem(caller.post(ROLLBACKS, {"tag": "beta"}), 409, "tag_not_set")
    nobody = ROLLBACKS.replace("greeting", "nobody")
    problem(caller.post(nobody, {}), 404, "prompt_unknown")


def test_a_body_that_makes_no_sense(promoted: Moves, caller: APIClient) -> None:
    for body, pointer in [
        ({"version": 1}, "/version"),
        ({"to_version": "v1"}, "/to_version"),
        ({"to_version": 0}, "/to_version"),
    ]:
        errors = problem(caller.post(ROLLBACKS, body), 422, "invalid")["errors"]
        assert [error["pointer"] for error in errors] == [pointer]
