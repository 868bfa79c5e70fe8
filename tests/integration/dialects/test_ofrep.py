"""OFREP where the Python provider does not go: all flags at once, and what is cached."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from registry import promotion
from registry.domain.actor import Actor, Role
from tests.acceptance.dialects.prompts import USERS
from tests.integration.api.conftest import token_client
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db(transaction=True)
BULK = "/ofrep/v1/evaluate/flags"


def flags(client: APIClient, context: dict[str, Any], **headers: str) -> Any:
    return client.post(BULK, {"context": context}, headers=headers)


def test_all_flags_at_once_are_what_each_is_alone(application: APIClient) -> None:
    for user in USERS[:3]:
        answer = flags(application, {"targetingKey": user})
        found = {flag["key"]: flag for flag in answer.json()["flags"]}
        assert set(found) == {
            f"prompt.{name}"
            for name in (
                *("greeting", "latex", "listing", "polite", "reply", "shape"),
                *("support.chat", "team.welcome"),
            )
        }
        for key, flag in found.items():
            alone = application.post(f"{BULK}/{key}", {"context": {"targetingKey": user}})
            assert alone.json() == flag


def test_nothing_is_sent_again_until_something_moves(application: APIClient) -> None:
    context: dict[str, Any] = {}
    first = flags(application, context)
    again = flags(application, context, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    admin = Actor("user:ada", Role.ADMIN.scopes)
    target = promotion.Target("greeting", "stable", 1)
    promotion.override(target=target, actor=admin, reason="a test of the cache")
    moved = flags(application, context, **{"If-None-Match": first.headers["ETag"]})
    assert moved.status_code == 200
    other = flags(application, {"targetingKey": USERS[1]}, **{"If-None-Match": "*"})
    assert other.status_code == 304


def test_a_token_sees_its_own_flags_and_a_tag_only_those_that_have_it(
    repository: PromptRepository, application: APIClient
) -> None:
    narrow = token_client("lookup", prompts=("support/*",))
    assert [flag["key"] for flag in flags(narrow, {}).json()["flags"]] == ["prompt.support.chat"]
    blue = flags(application, {"assay.tag": "blue"}).json()["flags"]
    assert [(flag["key"], flag["variant"]) for flag in blue] == [("prompt.greeting", "blue")]


@pytest.mark.parametrize(
    "body",
    [[], "x", {"context": []}, {"context": {"targetingKey": 7}}, {"context": {"assay.tag": ""}}],
)
def test_a_context_that_makes_no_sense_is_refused(application: APIClient, body: Any) -> None:
    answer = application.post(f"{BULK}/prompt.greeting", body, format="json")
    assert answer.status_code == 400
    told = answer.json()
    assert told["key"] == "prompt.greeting"
    assert told["errorCode"] in {"INVALID_CONTEXT", "PARSE_ERROR"}


def test_no_context_is_nobody_in_particular(application: APIClient) -> None:
    answer = application.post(f"{BULK}/prompt.greeting", {})
    assert (answer.json()["variant"], answer.json()["reason"]) == ("stable", "STATIC")


def test_a_cleared_canary_takes_nobody(application: APIClient) -> None:
    admin = Actor("user:ada", Role.ADMIN.scopes)
    promotion.clear_canary(prompt="greeting", actor=admin)
    answer = application.post(f"{BULK}/prompt.greeting", {"context": {"targetingKey": "u"}})
    assert (answer.json()["variant"], answer.json()["reason"]) == ("stable", "STATIC")


def test_the_configuration_says_how_to_ask(application: APIClient) -> None:
    found = application.get("/ofrep/v1/configuration").json()
    assert found["capabilities"]["flagEvaluation"]["supportedTypes"] == ["object"]
