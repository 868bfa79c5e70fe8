"""GET prompts/{name}/history: the ledger, newest first."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tests.integration.api.conftest import Moves, problem, token_client

HISTORY = "/api/v1/prompts/greeting/history"
EVENT = set(
    "event prompt tag kind version model weight revision registry_revision actor role reason "
    "certificate restores commit release previous at".split()
)


def results(client: APIClient, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(HISTORY + query).json()["results"]
    return found


def test_an_entry_tells_who_when_from_what_to_what_why_and_on_which_evidence(
    promoted: Moves, caller: APIClient
) -> None:
    promoted(1, reason="first")
    promoted(2, reason="better")
    caller.post("/api/v1/prompts/greeting/rollbacks", {"reason": "worse after all"})
    back, second, first = results(token_client("read"))
    assert set(back) == EVENT
    assert (back["kind"], back["version"], back["reason"]) == (
        ("rolled_back", 1, "worse after all")
    )
    assert back["restores"] == first["event"]
    assert back["previous"] == {"event": second["event"], "version": 2, "model": "tiny"}
    assert (second["revision"], second["certificate"] is not None) == (2, True)
    assert first["previous"] is None
    assert (first["actor"], first["role"]) == ("token:ci", "admin")
    numbers = [entry["registry_revision"] for entry in (first, second, back)]
    assert numbers == sorted(set(numbers))


def test_one_tag_alone(promoted: Moves, caller: APIClient) -> None:
    promoted(1)
    promoted(3, tag="canary", weight=10)
    caller.delete("/api/v1/prompts/greeting/canary")
    assert [entry["tag"] for entry in results(caller)] == ["canary", "canary", "stable"]
    assert [entry["kind"] for entry in results(caller, "?tag=canary")] == ["cleared", "promoted"]
    assert results(caller, "?tag=never") == []
    cleared = results(caller, "?tag=canary")[0]
    assert (cleared["version"], cleared["model"], cleared["weight"]) == (None, None, None)


def test_pages_are_stable_while_tags_move(promoted: Moves, caller: APIClient) -> None:
    for number in (1, 2) * 6:
        promoted(number)
    first = caller.get(f"{HISTORY}?page_size=5").json()
    for number in (1, 2):
        promoted(number)
    seen, page = first["results"], first
    while page["next"]:
        page = caller.get(page["next"]).json()
        seen += page["results"]
    assert [entry["revision"] for entry in seen] == list(range(12, 0, -1))
    newer = caller.get(f"{HISTORY}?page_size=5").json()["results"]
    assert newer[0]["revision"] == 14


def test_a_made_up_cursor_is_unknown(promoted: Moves, caller: APIClient) -> None:
    promoted(1)
    # base64 of `p=abc`, `p=` and a number beyond bigint; then what is no base64 at all
    for cursor in ("cD1hYmM=", "cD0=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "%%%", "é"):
        answer = caller.get(HISTORY, {"cursor": cursor})
        assert answer.status_code in {200, 404}, answer.content
        if answer.status_code == 404:
            problem(answer, 404, "not_found")
    problem(caller.get(HISTORY, {"cursor": "cD1hYmM="}), 404, "not_found")
    problem(caller.get("/api/v1/runs", {"cursor": "cD1hYmM="}), 404, "not_found")


def test_what_cannot_be_a_tag_is_no_tag(promoted: Moves, caller: APIClient) -> None:
    problem(caller.get(f"{HISTORY}?tag=%00"), 400, "bad_request")
    assert results(caller, "?tag=%ff") == []
    problem(caller.get("/api/v1/prompts/nobody/history"), 404, "prompt_unknown")
