"""OpenFeature's Python SDK with its OFREP provider: the same arm for a user as everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.dialects.conftest import Registry
from tests.acceptance.dialects.environments import python_with, session
from tests.acceptance.dialects.prompts import USERS

SESSION = Path(__file__).with_name("session.py")
Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def evaluate(registry: Registry) -> Iterator[Evaluate]:
    with session(python_with("openfeature"), SESSION, registry.url, settings={}) as openfeature:
        bearer = {"Authorization": f"Bearer {registry.token}"}

        def run(flag: str, **given: Any) -> dict[str, Any]:
            found: dict[str, Any] = openfeature({"flag": flag, "headers": bearer, **given})
            return found

        yield run


def test_every_user_is_on_the_arm_of_the_native_lookup(
    evaluate: Evaluate, registry: Registry
) -> None:
    arms = set()
    for user in USERS:
        found = evaluate("prompt.greeting", key=user)
        native = registry.native("greeting", key=user)
        assert found["value"] == native
        assert (found["variant"], found["reason"]) == (native["tag"], "SPLIT")
        assert found["metadata"]["version"] == native["version"]
        arms.add(found["variant"])
    assert arms == {"stable", "canary"}


def test_without_a_key_or_a_canary_the_answer_is_fixed(evaluate: Evaluate) -> None:
    anybody = evaluate("prompt.greeting")
    no_canary = evaluate("prompt.polite", key="user-1")
    fixed = evaluate("prompt.greeting", key="user-1", attributes={"assay.tag": "blue", "tag": "x"})
    for found, variant in ((anybody, "stable"), (no_canary, "stable"), (fixed, "blue")):
        assert (found["variant"], found["reason"], found["error"]) == (variant, "STATIC", None)
    assert fixed["value"]["version"] == 1


def test_a_prompt_in_a_folder_is_named_by_dots(evaluate: Evaluate, registry: Registry) -> None:
    by_dots, by_slash = evaluate("prompt.support.chat"), evaluate("prompt.support/chat")
    assert by_dots["value"] == by_slash["value"] == registry.native("support/chat")


@pytest.mark.parametrize(
    ("flag", "given", "error", "message"),
    [
        ("prompt.nobody", {}, "FLAG_NOT_FOUND", "there is no prompt 'nobody'"),
        ("greeting", {}, "FLAG_NOT_FOUND", "flags are called prompt.NAME"),
        ("prompt.greeting", {"attributes": {"assay.tag": "gone"}}, "FLAG_NOT_FOUND", "it has"),
        ("prompt.greeting", {"key": "x" * 501}, "INVALID_CONTEXT", "at most 500 characters"),
        ("prompt.greeting", {"headers": {"X-API-Key": "assay_wrong"}}, "GENERAL", "unauthorized"),
        ("prompt.greeting", {"headers": {}}, "GENERAL", "unauthorized"),
    ],
)
def test_an_error_is_the_default_and_says_why(
    evaluate: Evaluate, flag: str, given: dict[str, Any], error: str, message: str
) -> None:
    found = evaluate(flag, **given)
    assert found["value"] == {"is": "default"}
    assert found["error"] == error
    assert message in found["message"]


def test_a_key_in_its_own_header_is_good_and_limited_to_its_prompts(
    evaluate: Evaluate, registry: Registry
) -> None:
    token = registry.token_for("openfeature-narrow", scopes=["lookup"], prompts=["support/*"])
    key = {"X-API-Key": token}
    assert evaluate("prompt.support.chat", headers=key)["variant"] == "stable"
    assert evaluate("prompt.greeting", headers=key)["message"] == "forbidden"
