"""GET prompts/{name}/diff?old=1&new=2: the text, and the contract with applications."""

from __future__ import annotations

from rest_framework.test import APIClient

from tests.integration.api.conftest import problem, token_client
from tests.integration.registry.git_repositories import PromptRepository

DIFF = "/api/v1/prompts/chat/diff"


def test_text_and_contract(library: PromptRepository) -> None:
    body = token_client("read").get(f"{DIFF}?old=1&new=2").json()
    assert set(body) == {"name", "old", "new", "text", "contract"}
    assert (body["name"], body["old"], body["new"]) == ("chat", 1, 2)
    assert body["text"].startswith("--- v1\n+++ v2\n")
    assert "-Hello {{ name }}" in body["text"]
    for change in body["contract"]:
        assert set(change) == {"kind", "variable", "breaking", "message"}
    breaking = {change["variable"] for change in body["contract"] if change["breaking"]}
    assert "ticket" in breaking


def test_a_version_does_not_differ_from_itself(
    library: PromptRepository, caller: APIClient
) -> None:
    body = caller.get(f"{DIFF}?old=v2&new=2").json()
    assert (body["text"], body["contract"]) == ("", [])


def test_both_versions_must_be_named_and_exist(
    library: PromptRepository, caller: APIClient
) -> None:
    for query in ("", "?old=1", "?new=1", "?old=1&new="):
        assert "both versions" in problem(caller.get(DIFF + query), 422, "invalid")["detail"]
    problem(caller.get(f"{DIFF}?old=x&new=1"), 422, "invalid")
    problem(caller.get(f"{DIFF}?old=1&new=9"), 404, "version_unknown")
    problem(caller.get("/api/v1/prompts/nobody/diff?old=1&new=2"), 404, "prompt_unknown")
