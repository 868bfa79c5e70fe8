"""POST prompts/{name}/promotions: a tag moves to a version that passed its gate, or it does not."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.digest import digest
from registry import certificates, lookup, queries
from registry.domain.actor import SYSTEM
from registry.models.ledger import TagEvent
from registry.promotion import override
from tests.integration.api.conftest import Moves, problem, session_client, token_client
from tests.integration.registry.conftest import Shelf, stable

PROMOTIONS = "/api/v1/prompts/greeting/promotions"
EVENT = set(
    "event prompt tag kind version model weight revision registry_revision actor role reason "
    "certificate restores commit release previous at warnings".split()
)


def live() -> int:
    return lookup.by_tag("greeting").version.number


def test_the_answer_is_the_ledger_entry(certified: Shelf) -> None:
    answer = token_client("promote").post(PROMOTIONS, {"version": 2, "reason": "it is better"})
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    body = answer.json()
    assert set(body) == EVENT
    assert (body["prompt"], body["tag"], body["version"]) == ("greeting", "stable", 2)
    assert (body["kind"], body["model"], body["revision"]) == ("promoted", "tiny", 1)
    assert (body["actor"], body["role"]) == ("token:ci", "promote")
    assert (body["reason"], body["previous"], body["warnings"]) == ("it is better", None, [])
    assert body["certificate"] == certified.version(2).certificate_set.get().digest
    assert live() == 2


def test_the_next_move_knows_the_one_before(promoted: Moves) -> None:
    first, second = promoted(1), promoted(2)
    assert second["previous"] == {"event": first["event"], "version": 1, "model": "tiny"}
    assert (second["revision"], second["registry_revision"]) == (
        (2, first["registry_revision"] + 1)
    )


def test_a_person_promotes_with_a_session(certified: Shelf) -> None:
    answer = session_client("promoter").post(PROMOTIONS, {"version": 1})
    assert answer.status_code == 201
    assert answer.json()["actor"].startswith("user:promoter-")
    assert answer.json()["role"] == "promote"


def test_without_a_certificate_it_is_refused_with_reasons(shelf: Shelf, caller: APIClient) -> None:
    body = problem(caller.post(PROMOTIONS, {"version": 1}), 403, "not_certified")
    assert (body["prompt"], body["tag"], body["version"], body["model"]) == (
        ("greeting", "stable", 1, "tiny")
    )
    assert body["reasons"] == ["no evaluation of this version on this model has passed"]
    assert body["hint"] == "assay eval greeting v1 --model tiny --wait"
    assert TagEvent.objects.count() == 0


def _other_suite(shelf: Shelf) -> None:
    certificates.require_suites(
        prompt=shelf.prompt, suite_digest=digest("harder"), now=timezone.now()
    )


def _other_weights(shelf: Shelf) -> None:
    certificates.record_fingerprint(
        model=shelf.model, fingerprint=digest("other"), mode="text", now=timezone.now()
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_other_suite, "its suite changed since"),
        (_other_weights, "tiny serves something else since"),
    ],
)
def test_evidence_that_is_gone_is_named(
    change: Any, reason: str, certified: Shelf, caller: APIClient
) -> None:
    change(certified)
    body = problem(caller.post(PROMOTIONS, {"version": 1}), 403, "not_certified")
    assert body["reasons"] == [reason]
    assert reason in body["detail"]


def test_a_certificate_for_the_canary_does_not_open_stable(
    certified: Shelf, caller: APIClient
) -> None:
    body = problem(caller.post(PROMOTIONS, {"version": 3}), 403, "not_certified")
    assert "certified for the policy trial, and this tag needs release" in body["detail"]


def test_a_revision_that_was_overtaken_loses_and_learns_the_current_one(
    promoted: Moves, caller: APIClient
) -> None:
    promoted(1)
    promoted(2)
    for stale in (0, 1, 3):
        answer = caller.post(PROMOTIONS, {"version": 1, "expected_revision": stale})
        body = problem(answer, 409, "revision_conflict")
        assert (body["revision"], body["prompt"], body["tag"]) == (2, "greeting", "stable")
    assert live() == 2
    assert caller.post(PROMOTIONS, {"version": 1, "expected_revision": 2}).status_code == 201


def test_if_match_means_the_same(promoted: Moves, caller: APIClient) -> None:
    promoted(1)

    def move(header: str, **body: Any) -> Any:
        return caller.post(PROMOTIONS, {"version": 2, **body}, headers={"if-match": header})

    problem(move('"7"'), 409, "revision_conflict")
    for nonsense in ('W/"1"', '"one"', '"1", "2"', '"-1"', "'1'"):
        assert "is not a revision" in problem(move(nonsense), 422, "invalid")["detail"]
    disagree = problem(move('"1"', expected_revision=2), 422, "invalid")
    assert "disagree" in disagree["detail"]
    assert move('"1"', expected_revision=1).status_code == 201
    assert move("*").status_code == 201
    assert move("3").headers["ETag"] == '"4"'


def test_the_first_move_can_insist_on_being_the_first(certified: Shelf, caller: APIClient) -> None:
    body = {"version": 1, "expected_revision": 0}
    assert caller.post(PROMOTIONS, body).status_code == 201
    problem(caller.post(PROMOTIONS, body), 409, "revision_conflict")


def test_what_does_not_exist_is_said_apart(certified: Shelf, caller: APIClient) -> None:
    problem(caller.post(PROMOTIONS, {"version": 99}), 404, "version_unknown")
    problem(caller.post(PROMOTIONS, {"version": 10**30}), 404, "version_unknown")
    problem(caller.post(PROMOTIONS, {"version": 1, "model": "gpt-99"}), 404, "model_unknown")
    nobody = PROMOTIONS.replace("greeting", "nobody")
    problem(caller.post(nobody, {"version": 1}), 404, "prompt_unknown")


def test_other_tags_have_their_own_gate_or_none(certified: Shelf, caller: APIClient) -> None:
    body = problem(caller.post(PROMOTIONS, {"version": 1, "tag": "beta"}), 403, "not_certified")
    assert "no gate policy guards beta" in body["detail"]
    for tag in ("latest", "Beta", "a b", "../x", "-"):
        answer = caller.post(PROMOTIONS, {"version": 1, "tag": tag})
        problem(answer, 422, "tag_name_invalid")


SENSELESS: list[tuple[dict[str, Any], str]] = [
    ({}, "/version"),
    ({"version": None}, "/version"),
    ({"version": "two"}, "/version"),
    ({"version": True}, "/version"),
    ({"version": 1.5}, "/version"),
    ({"version": 0}, "/version"),
    ({"version": [1]}, "/version"),
    ({"version": 1, "tag": ""}, "/tag"),
    ({"version": 1, "tag": "t" * 101}, "/tag"),
    ({"version": 1, "tag": "a\0b"}, "/tag"),
    ({"version": 1, "model": "m" * 101}, "/model"),
    ({"version": 1, "reason": "r" * 2001}, "/reason"),
    ({"version": 1, "reason": {"not": "text"}}, "/reason"),
    ({"version": 1, "expected_revision": -1}, "/expected_revision"),
    ({"version": 1, "forse": True}, "/forse"),
    ({"version": 1, "certificate": "c" * 64}, "/certificate"),
    ({"version": 1, "actor": "user:somebody-else"}, "/actor"),
    ({"version": 1, "kind": "overridden"}, "/kind"),
]


def test_a_body_that_makes_no_sense_is_pointed_at(certified: Shelf, caller: APIClient) -> None:
    for body, pointer in SENSELESS:
        found = problem(caller.post(PROMOTIONS, body), 422, "invalid")
        assert [error["pointer"] for error in found["errors"]] == [pointer], body
        assert pointer in found["detail"]
    assert TagEvent.objects.count() == 0


def test_a_weight_belongs_to_the_canary_only(certified: Shelf, caller: APIClient) -> None:
    for body in ({"version": 1, "weight": 5}, {"version": 3, "tag": "canary"}):
        problem(caller.post(PROMOTIONS, body), 422, "canary_needs_weight")
    for weight in (-1, 101, 10**20):
        answer = caller.post(PROMOTIONS, {"version": 3, "tag": "canary", "weight": weight})
        problem(answer, 422, "canary_needs_weight")


def test_nobody_is_the_ledgers_own_voice(certified: Shelf) -> None:
    """A token's name is chosen by people, so what stands before it must not be."""
    answer = token_client("promote", name="system:sync").post(PROMOTIONS, {"version": 1})
    assert answer.json()["actor"] == "token:system:sync" != SYSTEM.name


def test_a_promotion_ends_an_override(shelf: Shelf, caller: APIClient) -> None:
    override(target=stable(4), actor=SYSTEM, reason="fire")
    shelf.certify(1)
    assert caller.post(PROMOTIONS, {"version": 1}).json()["previous"]["version"] == 4
    assert queries.tag_revision(shelf.prompt, "stable") == 2
