"""GET prompts/{name}: which version is live? And the seed's own call."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from registry.models import Prompt
from tests.integration.api.conftest import Moves, problem, token_client
from tests.integration.registry.conftest import Shelf
from tests.integration.registry.git_repositories import PromptRepository

KEYS = set(
    "name tag arm version type template variables parameters model digest commit revision "
    "registry_revision fallback proven warnings weight".split()
)
CHAT = "/api/v1/prompts/chat"


def get(client: APIClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    assert set(body) == KEYS
    return body


def test_the_answer_holds_all_an_application_needs(
    library: PromptRepository, caller: APIClient
) -> None:
    body = get(token_client("lookup"), f"{CHAT}?tag=canary")
    assert (body["name"], body["tag"], body["version"], body["type"]) == (
        ("chat", "canary", 2, "chat")
    )
    assert "partials/tone" not in body["template"]
    assert "{% with %}Be {% endwith %}{{ tone }}" in body["template"]
    assert body["variables"]["ticket"] == {"type": "string", "maxLength": 40}
    assert body["parameters"] == {"temperature": 0, "max_tokens": 8}
    digest = body["model"].pop("digest")
    assert body["model"] == {"name": "tiny", "served_id": "tiny-chat", "revision": "r1"}
    assert (len(digest), body["weight"]) == (64, 25)
    assert len(body["digest"]) == 64
    assert body["commit"] == library.head
    assert (body["revision"], body["fallback"], body["proven"]) == (1, False, False)
    assert body["registry_revision"] > 0
    assert "never certified" in body["warnings"][0]


def test_stable_is_what_is_meant_when_nothing_is_said(
    library: PromptRepository, caller: APIClient
) -> None:
    body = get(caller, CHAT)
    assert (body["tag"], body["version"], body["template"]) == ("stable", 1, "Hello {{ name }}\n")
    assert body == get(caller, f"{CHAT}?tag=stable") == get(caller, f"{CHAT}?tag=")


def test_a_folder_is_part_of_the_name(library: PromptRepository, caller: APIClient) -> None:
    assert get(caller, "/api/v1/prompts/team/reply")["name"] == "team/reply"
    assert get(caller, "/api/v1/prompts/team%2Freply")["name"] == "team/reply"


def test_headers_say_how_fresh_it_is(promoted: Moves, caller: APIClient) -> None:
    promoted(1)
    event = promoted(2)
    answer = caller.get("/api/v1/prompts/greeting")
    assert answer.headers["ETag"].startswith('"2-')
    assert answer.headers["Assay-Registry-Revision"] == str(event["registry_revision"])
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert (answer.headers["Assay-Commit"], answer.headers["Assay-Blob"]) == ("c" * 40, "b" * 40)
    assert "Assay-Stale" not in answer.headers
    assert answer.headers["Content-Type"] == "application/json"


def test_a_certified_version_is_proven_and_needs_no_warning(
    promoted: Moves, caller: APIClient
) -> None:
    promoted(1)
    body = get(caller, "/api/v1/prompts/greeting")
    assert (body["proven"], body["warnings"]) == (True, [])


def test_an_exact_version_needs_no_tag(library: PromptRepository, caller: APIClient) -> None:
    body = get(caller, f"{CHAT}?version=2")
    assert (body["version"], body["tag"], body["revision"], body["model"]) == (2, None, None, None)
    assert (body["registry_revision"], body["proven"], body["warnings"]) == (None, False, [])
    assert get(caller, f"{CHAT}?version=v2") == body
    assert "-" not in caller.get(f"{CHAT}?version=2").headers["ETag"]


def test_a_canary_that_is_not_set_falls_back_and_says_so(
    promoted: Moves, caller: APIClient
) -> None:
    promoted(1)
    body = get(caller, "/api/v1/prompts/greeting?tag=canary")
    assert (body["fallback"], body["tag"], body["version"]) == (True, "stable", 1)
    promoted(3, tag="canary", weight=5)
    body = get(caller, "/api/v1/prompts/greeting?tag=canary")
    assert (body["fallback"], body["tag"], body["version"]) == (False, "canary", 3)
    assert caller.delete("/api/v1/prompts/greeting/canary").status_code == 200
    assert get(caller, "/api/v1/prompts/greeting?tag=canary")["fallback"] is True


def test_an_unknown_tag_names_those_that_exist(promoted: Moves, caller: APIClient) -> None:
    promoted(1)
    body = problem(caller.get("/api/v1/prompts/greeting?tag=beta"), 404, "tag_unknown")
    assert (body["tags"], body["prompt"]) == (["stable"], "greeting")
    assert "it has stable" in body["detail"]


def test_a_prompt_without_any_tag(shelf: Shelf, caller: APIClient) -> None:
    for query in ("", "?tag=canary"):
        answer = caller.get(f"/api/v1/prompts/greeting{query}")
        assert "it has none" in problem(answer, 404, "tag_unknown")["detail"]


def test_what_does_not_exist_is_said_apart(library: PromptRepository, caller: APIClient) -> None:
    problem(caller.get("/api/v1/prompts/nobody"), 404, "prompt_unknown")
    body = problem(caller.get(f"{CHAT}?version=9"), 404, "version_unknown")
    assert "it has v1, v2" in body["detail"]
    for bad in ("x", "v", "-1", "1.5", "٣", "12345678", "v v1"):
        problem(caller.get(CHAT, {"version": bad}), 422, "invalid")
    problem(caller.get(f"{CHAT}?version=0"), 404, "version_unknown")


def test_a_prompt_removed_from_git_is_served_with_a_warning(
    library: PromptRepository, caller: APIClient
) -> None:
    before = get(caller, CHAT)
    library.remove(*(f"prompts/chat/{name}" for name in ("prompt.yaml", "v1.jinja2", "v2.jinja2")))
    library.commit()
    assert caller.post("/api/v1/syncs", {}).status_code == 200
    assert Prompt.objects.get(name="chat").orphaned
    after = get(caller, CHAT)
    assert after | {"warnings": None} == before | {"warnings": None}
    assert any("no longer in the repository" in warning for warning in after["warnings"])


def test_an_override_is_loud_in_every_answer(shelf: Shelf, caller: APIClient) -> None:
    answer = caller.post(
        "/api/v1/prompts/greeting/overrides", {"version": 4, "reason": "fire in the shop"}
    )
    assert answer.status_code == 201
    body = get(caller, "/api/v1/prompts/greeting")
    assert body["proven"] is False
    assert any("overridden" in warning for warning in body["warnings"])


def test_the_call_of_the_first_registry_still_works(
    library: PromptRepository, caller: APIClient
) -> None:
    for path in ("/prompt/chat?tag=stable", "/prompt/chat"):
        seed = get(caller, path)
        assert seed["version"] == "v1"
        assert seed | {"version": 1} == get(caller, CHAT)
    assert get(caller, "/prompt/team/reply?tag=stable")["version"] == "v1"
    problem(caller.get("/prompt/nobody?tag=stable"), 404, "prompt_unknown")
    problem(caller.get("/prompt/chat?tag=beta"), 404, "tag_unknown")


def test_a_token_of_other_prompts_learns_nothing(library: PromptRepository) -> None:
    stranger = token_client(prompts=("team/*",))
    assert get(stranger, "/api/v1/prompts/team/reply")["version"] == 1
    known, unknown = stranger.get(CHAT), stranger.get("/api/v1/prompts/nobody")
    problem(known, 403, "not_allowed")
    problem(unknown, 403, "not_allowed")
    assert known.json()["detail"].replace("chat", "nobody") == unknown.json()["detail"]
