"""POST prompts/{name}/overrides: break the glass. Admins only, with a reason, and loud."""

from __future__ import annotations

from rest_framework.test import APIClient

from registry.models.ledger import TagEvent
from tests.integration.api.conftest import problem, session_client, token_client
from tests.integration.registry.conftest import Shelf

OVERRIDES = "/api/v1/prompts/greeting/overrides"
FIRE = {"version": 4, "reason": "  the shop is on fire  "}


def test_an_admin_overrides_with_a_reason(shelf: Shelf) -> None:
    answer = token_client("admin").post(OVERRIDES, FIRE)
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    body = answer.json()
    assert (body["kind"], body["version"], body["role"]) == ("overridden", 4, "admin")
    assert (body["reason"], body["certificate"]) == ("the shop is on fire", None)
    tags = session_client("viewer").get("/api/v1/prompts/greeting/tags").json()["tags"]
    assert (tags["stable"]["kind"], tags["stable"]["proven"]) == ("overridden", False)


def test_a_promoter_may_not(shelf: Shelf) -> None:
    for caller in (token_client("promote"), session_client("promoter")):
        body = problem(caller.post(OVERRIDES, FIRE), 403, "not_allowed")
        assert body["scope"] == "admin"
    assert TagEvent.objects.count() == 0


def test_a_reason_is_not_optional(shelf: Shelf, caller: APIClient) -> None:
    for reason in ("", "   ", "\t\n"):
        answer = caller.post(OVERRIDES, {"version": 4, "reason": reason})
        assert problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/reason"
    problem(caller.post(OVERRIDES, {"version": 4}), 422, "invalid")
    assert TagEvent.objects.count() == 0


def test_it_still_names_real_things(shelf: Shelf, caller: APIClient) -> None:
    problem(caller.post(OVERRIDES, FIRE | {"version": 9}), 404, "version_unknown")
    problem(caller.post(OVERRIDES, FIRE | {"model": "gpt-99"}), 404, "model_unknown")
    problem(caller.post(OVERRIDES, FIRE | {"tag": "latest"}), 422, "tag_name_invalid")
    problem(caller.post(OVERRIDES, FIRE | {"expected_revision": 3}), 409, "revision_conflict")
    canary = caller.post(OVERRIDES, FIRE | {"tag": "canary", "weight": 50})
    assert (canary.status_code, canary.json()["weight"]) == (201, 50)
