"""ci/checks: only ids are sent, and the answers are what `assay ci --server` reads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from assay.answers.checks import CheckStarted, CommitCheck
from assay.reading import read
from evals import models
from tests.integration.api.conftest import problem, token_client

HEAD, BASE = "a" * 40, "b" * 40
ASKED = {"repository_commit": HEAD, "base": BASE, "model": None}


def started(caller: APIClient, **body: Any) -> CheckStarted:
    answer = caller.post("/api/v1/ci/checks", {**ASKED, **body})
    assert answer.status_code == 202, answer.content
    return read(CheckStarted, answer.json())


def got(caller: APIClient, check: str) -> dict[str, Any]:
    answer = caller.get(f"/api/v1/ci/checks/{check}")
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_a_check_is_taken_on_and_can_be_watched(caller: APIClient, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://assay.example/"
    begun = started(caller, model="tiny")
    assert (begun.status, begun.url) == ("queued", f"https://assay.example/checks/{begun.id}")
    body = got(caller, begun.id)
    check = read(CommitCheck, body)
    assert (check.id, check.is_over, check.verdict, check.prompts) == (begun.id, False, None, ())
    assert (body["commit"], body["base"], body["requested_by"]) == (HEAD, BASE, "token:ci")
    row = models.CommitCheck.objects.get()
    assert (str(row.pk), row.model) == (begun.id, "tiny")


def test_what_is_done_is_read_as_the_command_line_reads_it(caller: APIClient) -> None:
    begun = started(caller)
    row = models.CommitCheck.objects.get(pk=UUID(begun.id))
    row.status, row.verdict, row.finished_at = "done", "FAIL", timezone.now()
    row.sentences, row.report_markdown = ["lint finds no error"], "**Told**"
    row.save()
    models.CheckedPrompt.objects.create(
        commit_check=row, prompt="chat", number=3, verdict="ERROR", reasons=["No model."]
    )
    check = read(CommitCheck, got(caller, begun.id))
    assert (check.is_over, check.verdict, check.report_markdown) == (True, "FAIL", "**Told**")
    [prompt] = check.prompts
    assert (prompt.prompt, prompt.version, prompt.verdict, prompt.reasons, prompt.run) == (
        "chat",
        3,
        "ERROR",
        ("No model.",),
        None,
    )


def test_checks_are_listed_newest_first_and_without_their_reports(caller: APIClient) -> None:
    first, second = started(caller), started(caller, repository_commit="c" * 40)
    page = caller.get("/api/v1/ci/checks").json()
    assert [one["id"] for one in page["results"]] == [second.id, first.id]
    assert "report_markdown" not in page["results"][0]


def test_the_same_question_is_one_check_and_the_same_key_one_answer(caller: APIClient) -> None:
    assert started(caller).id == started(caller).id
    for _ in range(2):
        answer = caller.post("/api/v1/ci/checks", ASKED, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 202
    assert models.CommitCheck.objects.count() == 1


def test_a_check_is_cancelled(caller: APIClient) -> None:
    begun = started(caller)
    answer = caller.post(f"/api/v1/ci/checks/{begun.id}/cancel", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "done")
    assert answer.json()["sentences"] == ["cancelled by token:ci"]


@pytest.mark.parametrize("body", [{"base": "main"}, {"repository_commit": HEAD[:12]}])
def test_what_is_no_whole_id_is_refused(caller: APIClient, body: dict[str, str]) -> None:
    answer = caller.post("/api/v1/ci/checks", {**ASKED, **body})
    assert "use all 40 hex digits" in str(problem(answer, 422, "commit_invalid"))


def test_who_is_limited_to_some_prompts_has_no_checks(caller: APIClient) -> None:
    begun = started(caller)
    limited = token_client(prompts=("chat",))
    for path in ("", f"/{begun.id}"):
        problem(limited.get(f"/api/v1/ci/checks{path}"), 403, "not_allowed")
    problem(limited.post("/api/v1/ci/checks", ASKED), 403, "not_allowed")
    problem(caller.get(f"/api/v1/ci/checks/{UUID(int=9)}"), 404, "check_unknown")
