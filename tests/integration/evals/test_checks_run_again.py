"""Somebody presses "re-run" at GitHub: the commit is checked anew, once for each time."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from evals.models import CommitCheck
from registry.models import OutboxDelivery, OutboxMessage
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.proposals import BETTER, Host, relayed, worked
from tests.integration.evals.test_pull_requests import (
    FORK,
    LABEL,
    V2,
    github,
    host,
    labelled,
    newest,
    posted,
    rung,
)
from tests.integration.registry.github_server import GitHubServer

__all__ = ["github", "host"]

pytestmark = pytest.mark.django_db(transaction=True)


def pull(head: str, number: int = 7) -> dict[str, Any]:
    """As a check's `pull_requests` have it."""
    url = f"https://api.github.com/repos/octo/prompts/pulls/{number}"
    repo = {"id": 186853002, "url": "https://api.github.com/repos/octo/prompts", "name": "prompts"}
    return {
        "url": url,
        "id": 279147437,
        "number": number,
        "head": {"ref": "change", "sha": head, "repo": repo},
        "base": {"ref": "main", "sha": "b" * 40, "repo": repo},
    }


def suite(head: str, *pulls: dict[str, Any]) -> dict[str, Any]:
    """A check suite, as its event has it."""
    return {
        "id": 118578147,
        "head_branch": "change",
        "head_sha": head,
        "status": "completed",
        "conclusion": "failure",
        "before": "b" * 40,
        "after": head,
        "pull_requests": list(pulls),
        "app": {"id": 29310, "name": "Assay"},
        "latest_check_runs_count": 1,
    }


def rerun(head: str, *pulls: dict[str, Any], run: int = 4, name: str = "assay/check") -> Any:
    """The event `check_run`, action `rerequested`."""
    check_run = {
        "id": run,
        "head_sha": head,
        "external_id": "1.0",
        "url": f"https://api.github.com/repos/octo/prompts/check-runs/{run}",
        "status": "completed",
        "conclusion": "failure",
        "started_at": "2026-11-26T01:14:52Z",
        "completed_at": "2026-11-26T01:16:52Z",
        "output": {"title": "FAIL", "summary": "worse", "text": None, "annotations_count": 0},
        "name": name,
        "check_suite": suite(head, *pulls),
        "app": {"id": 29310, "name": "Assay"},
        "pull_requests": list(pulls),
    }
    return posted("check_run", envelope() | {"check_run": check_run}, f"{run}-{name}-{head}")


def rerun_all(head: str, *pulls: dict[str, Any]) -> Any:
    """The event `check_suite`, action `rerequested`."""
    return posted("check_suite", envelope() | {"check_suite": suite(head, *pulls)})


def envelope() -> dict[str, Any]:
    return {
        "action": "rerequested",
        "repository": {"id": 186853002, "full_name": "octo/prompts"},
        "sender": {"login": "octocat", "type": "User"},
        "installation": {"id": 957387},
    }


def checked(host: Host, github: GitHubServer, **changes: Any) -> str:
    """A pull request whose check is done and shown."""
    ref = "refs/pull/7/head" if changes else "refs/heads/change"
    head = host.propose({V2: BETTER}, ref=ref)
    github.propose(7, head, host.base, **changes)
    rung("opened", head)
    relayed()
    worked(newest())
    relayed()
    return head


def test_a_check_run_that_is_run_again_is_checked_anew(host: Host, github: GitHubServer) -> None:
    head = checked(host, github)
    [run] = github.check_runs
    assert rerun(head, pull(head), run=run).status_code == 202
    relayed()
    second, first = CommitCheck.objects.all()
    assert (second.status, first.verdict, second.head, second.pull_request) == (
        "queued",
        "PASS",
        head,
        7,
    )
    relayed()
    assert github.shown(head)[-1] == ("pending", "waits")
    assert worked(second).verdict == "PASS"
    relayed()
    assert [one["conclusion"] for one in github.check_runs.values()] == ["success", "success"]
    assert github.comment(7).count(f"/checks/{second.pk}") == 1, "the one comment tells of it"


def test_all_checks_of_a_commit_can_be_run_again(host: Host, github: GitHubServer) -> None:
    head = checked(host, github)
    assert rerun_all(head, pull(head)).status_code == 202
    relayed()
    assert CommitCheck.objects.count() == 2


def test_however_often_the_event_comes_it_is_one_more_check(
    host: Host, github: GitHubServer
) -> None:
    """The host repeats it, its worker is killed after the request, somebody presses twice."""
    head = checked(host, github)
    assert rerun(head, pull(head)).json() == {"status": "queued"}
    assert rerun(head, pull(head)).json() == {"status": "duplicate"}
    relayed()
    assert rerun(head, pull(head), run=5).status_code == 202
    relayed()
    assert CommitCheck.objects.count() == 2, "the one that goes on is the answer to both"
    worked(newest())
    OutboxDelivery.objects.filter(message__topic="check.rerequested").update(delivered_at=None)
    relayed()
    assert CommitCheck.objects.count() == 2
    assert rerun(head, pull(head), run=6).status_code == 202
    relayed()
    assert CommitCheck.objects.count() == 3


def test_what_is_no_head_any_more_is_not_checked_again(host: Host, github: GitHubServer) -> None:
    """The host is asked: the event's own word for it does not count."""
    head = checked(host, github)
    github.propose(7, "e" * 40, host.base)
    rerun(head, pull(head), pull(head, number=8), run=1)
    relayed()
    github.propose(7, head, host.base, state="closed")
    rerun(head, pull(head), run=2)
    relayed()
    github.propose(7, head, host.base)
    rerun(head, pull(head), run=3, name="assay/tags")
    rerun("f" * 40, run=4)
    relayed()
    assert CommitCheck.objects.count() == 1
    assert not OutboxDelivery.objects.filter(delivered_at=None).exists()


def test_a_fork_is_run_again_as_it_was_let_in(
    host: Host, github: GitHubServer, server: ModelServer
) -> None:
    """GitHub names no pull request of a fork; Assay knows which it was."""
    head = checked(host, github, repo=FORK)
    rerun(head, run=1)
    relayed()
    assert worked(newest()).verdict == "INCONCLUSIVE"
    assert not server.calls, "pressing the button lets nobody in"
    github.propose(7, head, host.base, repo=FORK, labels=[LABEL])
    labelled(head)
    relayed()
    assert worked(newest()).verdict == "PASS"
    rerun(head, run=2)
    relayed()
    assert (worked(newest()).verdict, newest().is_held) == ("PASS", False)
    assert CommitCheck.objects.count() == 4


def test_a_host_that_is_down_is_asked_about_it_later(host: Host, github: GitHubServer) -> None:
    head = checked(host, github)
    github.is_down = True
    rerun(head, pull(head))
    relayed()
    assert CommitCheck.objects.count() == 1
    github.is_down = False
    relayed()
    assert CommitCheck.objects.count() == 2


def test_other_events_of_checks_and_a_hook_without_a_host_do_nothing(
    host: Host, github: GitHubServer, settings: Settings
) -> None:
    head = checked(host, github)
    before = OutboxMessage.objects.count()
    for action in ("created", "completed", "requested_action"):
        answer = posted("check_run", {**envelope(), "action": action, "check_run": {}})
        assert (answer.status_code, answer.json()) == (200, {"status": "ignored"})
    settings.GIT_HOST = ""
    assert rerun(head, pull(head)).json() == {"status": "ignored"}
    assert OutboxMessage.objects.count() == before
