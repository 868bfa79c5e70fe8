"""GET prompts: every prompt a caller may see, with where its tags point."""

from __future__ import annotations

from rest_framework.test import APIClient

from registry.models import Prompt
from tests.integration.api.conftest import Moves, token_client
from tests.integration.registry.git_repositories import PromptRepository

PROMPT = set("name description owners tags versions latest orphaned".split())
POINTER = set("version model revision weight kind proven since actor".split())


def names(client: APIClient, query: str = "") -> list[str]:
    body = client.get(f"/api/v1/prompts{query}").json()
    return [prompt["name"] for prompt in body["results"]]


def test_each_prompt_shows_its_tags_and_versions(
    library: PromptRepository, caller: APIClient
) -> None:
    page = caller.get("/api/v1/prompts").json()
    assert set(page) == {"next", "previous", "results"}
    assert (page["next"], page["previous"]) == (None, None)
    chat, reply = page["results"]
    assert set(chat) == PROMPT
    assert (chat["name"], chat["description"], chat["owners"]) == (
        ("chat", "Answers.", ["a@example.org"])
    )
    assert (chat["versions"], chat["latest"], chat["orphaned"]) == (2, 2, False)
    assert set(chat["tags"]) == {"stable", "canary"}
    canary = chat["tags"]["canary"]
    assert set(canary) == POINTER
    assert (canary["version"], canary["model"], canary["revision"]) == (2, "tiny", 1)
    assert (canary["weight"], canary["kind"], canary["proven"]) == (25, "adopted", False)
    assert canary["actor"] == "system:sync"
    assert reply["tags"]["stable"]["model"] is None


def test_a_prompt_without_versions_is_listed_too(db: None, caller: APIClient) -> None:
    Prompt.objects.create(name="empty")
    [prompt] = caller.get("/api/v1/prompts").json()["results"]
    assert (prompt["versions"], prompt["latest"], prompt["tags"]) == (0, None, {})


def test_globs_decide_what_is_listed(library: PromptRepository) -> None:
    assert names(token_client("read")) == ["chat", "team/reply"]
    assert names(token_client("read", prompts=("team/*",))) == ["team/reply"]
    assert names(token_client("read", prompts=("nothing", "c[gh]at"))) == ["chat"]
    assert names(token_client("read", prompts=("nothing",))) == []


def test_pages_stay_in_place_while_prompts_are_added(db: None, caller: APIClient) -> None:
    Prompt.objects.bulk_create(Prompt(name=f"p{number:03}") for number in range(0, 120, 2))
    first = caller.get("/api/v1/prompts?page_size=25").json()
    assert [prompt["name"] for prompt in first["results"]][-1] == "p048"
    Prompt.objects.bulk_create(Prompt(name=f"p{number:03}") for number in range(1, 120, 2))
    second = caller.get(first["next"]).json()
    assert [prompt["name"] for prompt in second["results"]][:2] == ["p049", "p050"]
    assert len(second["results"]) == 25
    back = caller.get(second["previous"]).json()
    assert [prompt["name"] for prompt in back["results"]][-1] == "p048"
    seen = [prompt["name"] for prompt in first["results"]]
    page = first
    while page["next"]:
        page = caller.get(page["next"]).json()
        seen += [prompt["name"] for prompt in page["results"]]
    assert seen == sorted(set(seen))
    assert seen[-1] == "p119"


def test_a_page_has_a_largest_size(db: None, caller: APIClient) -> None:
    Prompt.objects.bulk_create(Prompt(name=f"p{number:03}") for number in range(501))
    assert len(names(caller)) == 50
    assert len(names(caller, "?page_size=9999")) == 500
    for nonsense in ("0", "-1", "x", ""):
        assert len(names(caller, f"?page_size={nonsense}")) == 50


def test_a_long_list_costs_no_more_questions_than_a_short_one(
    db: None, caller: APIClient, promoted: Moves, django_assert_max_num_queries: object
) -> None:
    promoted(1)
    Prompt.objects.bulk_create(Prompt(name=f"p{number:03}") for number in range(100))
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        assert len(names(caller, "?page_size=100")) == 100
