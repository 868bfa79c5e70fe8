"""POST syncs and GET syncs/last, with a real Git repository."""

from __future__ import annotations

from pathlib import Path

from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from tests.integration.api.conftest import problem, token_client
from tests.integration.registry.git_repositories import PromptRepository

SYNC = set(
    "commit previous_commit status prompts versions new_versions findings error alarms "
    "duration_ms".split()
)
FINDING = set("path line column severity code message hint".split())
ALARM = set("kind subject message raised_at".split())


def test_the_first_sync_publishes_everything(repository: PromptRepository) -> None:
    answer = token_client("evaluate").post("/api/v1/syncs", {})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == SYNC
    assert (body["status"], body["commit"], body["previous_commit"]) == (
        ("applied", repository.head, "")
    )
    assert (body["prompts"], body["versions"], body["new_versions"]) == (2, 3, 3)
    assert (body["error"], body["alarms"]) == ("", [])
    last = token_client("read").get("/api/v1/syncs/last")
    assert last.status_code == 200
    assert set(last.json()) == SYNC
    assert last.json()["commit"] == repository.head


def test_the_same_commit_again_changes_nothing(
    library: PromptRepository, caller: APIClient
) -> None:
    body = caller.post("/api/v1/syncs").json()
    assert (body["status"], body["new_versions"], body["commit"]) == (
        ("unchanged", 0, library.head)
    )


def test_a_finding_names_file_line_and_what_to_do(
    library: PromptRepository, caller: APIClient
) -> None:
    library.write({"prompts/chat/v3.jinja2": "---\ntype: chta\n---\nx\n"}).commit()
    body = caller.post("/api/v1/syncs", {}).json()
    [finding] = [found for found in body["findings"] if found["path"].endswith("v3.jinja2")]
    assert set(finding) == FINDING
    assert (finding["line"], finding["severity"]) == (2, "error")
    assert (body["status"], body["new_versions"]) == ("applied", 0)
    assert caller.get("/api/v1/syncs/last").json()["findings"] == body["findings"]


def test_an_edited_version_raises_an_alarm(library: PromptRepository, caller: APIClient) -> None:
    library.write({"prompts/chat/v1.jinja2": "Quietly edited\n"}).commit()
    [alarm] = caller.post("/api/v1/syncs", {}).json()["alarms"]
    assert set(alarm) == ALARM
    assert alarm["kind"] == "version_edited"
    assert caller.get("/api/v1/prompts/chat").json()["template"] == "Hello {{ name }}\n"


def test_a_remote_that_is_gone_is_an_answer_and_not_an_outage(
    library: PromptRepository, caller: APIClient, settings: Settings, tmp_path: Path
) -> None:
    settings.REPOSITORY_URL = str(tmp_path / "nowhere")
    answer = caller.post("/api/v1/syncs", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert answer.json()["error"]
    assert [alarm["kind"] for alarm in answer.json()["alarms"]] == ["unreachable"]
    assert caller.get("/api/v1/prompts/chat").status_code == 200


def test_before_the_first_sync_there_is_no_last_one(db: None, caller: APIClient) -> None:
    body = problem(caller.get("/api/v1/syncs/last"), 404, "never_synced")
    assert body["hint"] == "assay sync"


def test_a_sync_takes_no_options(repository: PromptRepository, caller: APIClient) -> None:
    problem(caller.post("/api/v1/syncs", {"url": "file:///etc"}), 422, "invalid")
    problem(caller.post("/api/v1/syncs", [1]), 422, "invalid")


def test_credentials_of_the_remote_are_in_no_answer(
    library: PromptRepository, caller: APIClient, settings: Settings
) -> None:
    settings.REPOSITORY_URL = "https://robot:MARKED-SECRET@127.0.0.1:1/prompts.git"
    refused = caller.post("/api/v1/syncs", {})
    settings.REPOSITORY_PROTOCOLS = ("https",)
    failed = caller.post("/api/v1/syncs", {})
    assert failed.json()["status"] == "failed"
    for answer in (refused, failed, caller.get("/api/v1/syncs/last")):
        assert b"MARKED-SECRET" not in answer.content


def test_who_is_limited_to_some_prompts_learns_what_is_wrong_with_those(
    library: PromptRepository, caller: APIClient, settings: Settings, tmp_path: Path
) -> None:
    typo = "---\ntype: chta\n---\nx\n"
    library.write(
        {
            "prompts/chat/v3.jinja2": typo,
            "prompts/team/reply/v2.jinja2": typo,
            "prompts/partials/tone/v2.jinja2": "{{",
            "prompts/notes.txt": "x",
            "gates.yaml": "policies: []\n",
            # Published, so these are alarms too.
            "prompts/chat/v1.jinja2": "Quietly edited\n",
            "prompts/team/reply/v1.jinja2": "Quietly edited\n",
        }
    ).commit()
    everything = caller.post("/api/v1/syncs", {}).json()
    assert {found["path"] for found in everything["findings"]} >= {
        *("prompts/chat/v3.jinja2", "prompts/team/reply/v2.jinja2", "gates.yaml"),
        *("prompts/partials/tone/v2.jinja2", "prompts/notes.txt"),
    }
    limited = token_client("read", prompts=("team/*", "other"))
    seen = limited.get("/api/v1/syncs/last").json()
    assert {found["path"] for found in seen["findings"]} == {
        "prompts/team/reply/v1.jinja2",
        "prompts/team/reply/v2.jinja2",
    }
    assert [alarm["subject"] for alarm in seen["alarms"]] == ["prompts/team/reply/v1.jinja2"]

    settings.REPOSITORY_URL = str(tmp_path / "nowhere")
    failed = caller.post("/api/v1/syncs", {}).json()
    seen = limited.get("/api/v1/syncs/last").json()
    assert seen["status"] == "failed"
    assert seen["error"] not in {"", failed["error"]}
    assert [alarm["kind"] for alarm in seen["alarms"]] == ["version_edited"]


def test_a_prompt_that_is_gone_rings_for_those_who_see_it(
    library: PromptRepository, caller: APIClient
) -> None:
    library.remove("prompts/team/reply/v1.jinja2").commit()
    caller.post("/api/v1/syncs", {})
    for globs, kinds in [
        (("team/*",), {"prompt_removed", "version_removed"}),
        (("chat", "prompts/*"), set()),
    ]:
        limited = token_client("read", prompts=globs)
        alarms = limited.get("/api/v1/syncs/last").json()["alarms"]
        assert {alarm["kind"] for alarm in alarms} == kinds


def test_who_is_limited_to_some_prompts_does_not_sync(repository: PromptRepository) -> None:
    limited = token_client(prompts=("chat",))
    body = problem(limited.post("/api/v1/syncs", {}), 403, "not_allowed")
    assert "is limited to chat" in body["detail"]
