"""A Git host rings about a pull request: it is asked, the commit is checked, the host shows it."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from evals import commit_checks
from evals.models import CommitCheck
from registry.models import OutboxDelivery
from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.proposals import BETTER, Host, relayed, worked
from tests.integration.registry.github_server import GitHubServer
from tests.integration.registry.gitlab_server import GitLabServer
from tests.integration.registry.host_server import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "It's a Secret to Everybody"
V2 = "prompts/oracle/v2.jinja2"
LABEL = "assay: evaluate"
FORK = {"full_name": "mallory/prompts"}


@pytest.fixture
def host(tmp_path: Path, settings: Settings, repository: Repository) -> Host:
    settings.HOOK_SECRETS = dict.fromkeys(("github", "gitlab", "git"), SECRET)
    settings.REPOSITORY_REF = "main"
    settings.PUBLIC_URL = "https://assay.example"
    settings.GIT_HOST_PROJECT, settings.GIT_HOST_TOKEN = "octo/prompts", TOKEN
    return Host(tmp_path, settings, repository)


@pytest.fixture
def github(settings: Settings) -> Iterator[GitHubServer]:
    with GitHubServer() as server:
        settings.GIT_HOST, settings.GIT_HOST_URL = "github", server.url
        yield server


@pytest.fixture
def gitlab(settings: Settings) -> Iterator[GitLabServer]:
    with GitLabServer() as server:
        settings.GIT_HOST, settings.GIT_HOST_URL = "gitlab", server.url
        yield server


def rung(action: str, head: str, number: int = 7, **more: Any) -> Any:
    """GitHub's event, signed."""
    payload = {
        "action": action,
        "number": number,
        "pull_request": {"head": {"sha": head, "repo": None}, "base": {"ref": "main"}},
        **more,
    }
    return posted("pull_request", payload)


def posted(event: str, payload: dict[str, Any], delivery: str = "") -> Any:
    """What GitHub posts, signed."""
    body = json.dumps(payload).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return Client().post("/hooks/github", body, "application/json", headers=headers)


def labelled(head: str, label: str = LABEL) -> Any:
    return rung("labeled", head, label={"name": label})


def newest() -> CommitCheck:
    found = CommitCheck.objects.order_by("-created_at").first()
    assert found is not None
    return found


def test_a_pull_request_is_checked_and_its_host_shows_how_it_goes(
    host: Host, github: GitHubServer
) -> None:
    head = host.propose({V2: BETTER})
    github.propose(7, head, host.base)
    assert (rung("opened", head).status_code, CommitCheck.objects.count()) == (202, 0)
    relayed()
    check = newest()
    assert (check.head, check.pull_request, check.title, check.requested_by) == (
        head,
        7,
        "Ask better.",
        "git:pull request 7",
    )
    relayed()
    assert github.shown(head) == [("pending", "waits")]
    assert github.comment(7).startswith(f"### ⏳ Assay checks {head[:12]}")
    commit_checks.advance(check.pk)
    relayed()
    assert github.shown(head)[-1] == ("pending", "evaluates: 0 of 12 answers")
    assert worked(check).verdict == "PASS"
    relayed()
    state, told = github.shown(head)[-1]
    assert state == "success"
    assert told.startswith("PASS: lint finds no error; oracle v2: PASS: ")
    assert github.comment(7).startswith("### ✅ PASS: 1 prompt changed; lint: 0 errors, 0 warnings")
    assert f"https://assay.example/checks/{check.pk}" in github.comment(7)
    [run] = github.check_runs.values()
    assert (run["status"], run["conclusion"]) == ("completed", "success")


def test_ringing_again_about_the_same_commit_checks_nothing_again(
    host: Host, github: GitHubServer
) -> None:
    head = host.propose({V2: BETTER})
    github.propose(7, head, host.base)
    for action in ("opened", "reopened", "edited"):
        rung(action, head)
        relayed()
    assert rung("opened", head).json() == {"status": "duplicate"}
    assert rung("assigned", head).json() == {"status": "ignored"}
    worked(newest())
    rung("synchronize", head)
    relayed()
    assert CommitCheck.objects.count() == 1


def test_what_counts_is_what_the_host_says_and_not_the_payload(
    host: Host, github: GitHubServer
) -> None:
    head = host.propose({V2: BETTER})
    github.propose(7, head, host.base)
    rung("synchronize", "e" * 40)
    relayed()
    assert newest().head == head
    rung("opened", head, number=8)
    relayed()
    dead = OutboxDelivery.objects.exclude(dead_at=None).get()
    assert "404 Not Found" in dead.last_error


def test_a_newer_commit_and_the_end_of_the_pull_request_end_a_check(
    host: Host, github: GitHubServer
) -> None:
    heads = [host.propose({V2: BETTER + mark}) for mark in ("", "!")]
    for head in heads:
        github.propose(7, head, host.base)
        rung("synchronize", head)
        relayed()
    older, newer = CommitCheck.objects.order_by("created_at")
    assert (older.is_cancelled, newer.status) == (True, "queued")
    github.propose(7, heads[1], host.base, state="closed")
    rung("closed", heads[1])
    relayed()
    relayed()
    newer.refresh_from_db()
    assert newer.sentences == ["the pull request was closed"]
    assert [github.shown(head)[-1][0] for head in heads] == ["error", "error"]


def test_a_fork_is_evaluated_once_a_maintainer_let_just_this_commit_in(
    host: Host, github: GitHubServer, server: ModelServer
) -> None:
    first = host.propose({V2: BETTER}, ref="refs/pull/7/head")
    github.propose(7, first, host.base, repo=FORK)
    rung("opened", first)
    relayed()
    assert worked(newest()).verdict == "INCONCLUSIVE"
    relayed()
    assert github.shown(first)[-1][0] == "failure"
    assert "label" in github.comment(7)
    assert not server.calls

    github.propose(7, first, host.base, repo=FORK, labels=[LABEL])
    labelled(first)
    relayed()
    assert worked(newest()).verdict == "PASS"
    calls = server.calls.total()

    second = host.propose({V2: BETTER + "!"}, ref="refs/pull/7/head")
    github.propose(7, second, host.base, repo=FORK, labels=[LABEL])
    rung("synchronize", second)
    relayed()
    assert (newest().head, newest().is_held) == (second, True)
    # Somebody saw the first commit when they set the label, and the second one came in between.
    labelled(first, LABEL)
    labelled(second, "documentation")
    relayed()
    assert worked(newest()).verdict == "INCONCLUSIVE"
    assert server.calls.total() == calls


def test_a_pull_request_for_another_branch_is_none_of_ours(
    host: Host, github: GitHubServer
) -> None:
    head = host.propose({V2: BETTER})
    github.propose(7, head, host.base)
    github.pulls[7]["base"]["ref"] = "elsewhere"
    rung("opened", head)
    relayed()
    assert not CommitCheck.objects.exists()


def test_a_host_that_is_down_is_asked_later(host: Host, github: GitHubServer) -> None:
    head = host.propose({V2: BETTER})
    github.propose(7, head, host.base)
    rung("opened", head)
    github.is_down = True
    relayed()
    assert not CommitCheck.objects.exists()
    github.is_down = False
    relayed()
    assert newest().head == head


def test_a_hook_without_a_host_to_ask_is_ignored(host: Host, settings: Settings) -> None:
    settings.GIT_HOST = ""
    answer = rung("opened", host.base)
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored"})


@pytest.mark.parametrize("body", [{"number": "7"}, {"pull_request": None}, {"number": -1}])
def test_an_event_that_cannot_be_read_is_ignored(
    host: Host, github: GitHubServer, body: dict[str, Any]
) -> None:
    answer = rung("opened", host.base, **body)
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored"})


def test_a_merge_request_is_checked_too(host: Host, gitlab: GitLabServer) -> None:
    head = host.propose({V2: BETTER}, ref="refs/merge-requests/7/head")
    gitlab.propose(7, head, host.base, source_project_id=9, labels=[LABEL])
    changed = {"previous": [{"title": "x"}], "current": [{"title": "x"}, {"title": LABEL}]}
    assert rung_by_gitlab("update", head, {"labels": changed}).status_code == 202
    relayed()
    assert worked(newest()).verdict == "PASS"
    relayed()
    assert gitlab.statuses[head, "assay/check"][-1] == "success"
    [note] = gitlab.comments[7].values()
    assert note["body"].startswith("### ✅ PASS")


def test_a_merge_request_that_gitlab_still_prepares_is_asked_about_again(
    host: Host, gitlab: GitLabServer
) -> None:
    """It tells no base then, and a commit measured against itself would pass."""
    head = host.propose({V2: BETTER}, ref="refs/merge-requests/7/head")
    gitlab.propose(7, head, host.base, diff_refs=None)
    rung_by_gitlab("open", head)
    relayed()
    assert not CommitCheck.objects.exists()
    gitlab.propose(7, head, host.base)
    relayed()
    assert (newest().head, newest().base) == (head, host.base)
    gitlab.propose(7, head, host.base, diff_refs=None, state="closed")
    rung_by_gitlab("close", head)
    relayed()
    assert newest().sentences == ["the pull request was closed"]


def rung_by_gitlab(action: str, head: str, changes: Any = None) -> Any:
    """GitLab's event about merge request 7, with its secret."""
    event = {
        "object_kind": "merge_request",
        "object_attributes": {"iid": 7, "action": action, "last_commit": {"id": head}},
        "changes": changes or {},
    }
    headers = {"X-Gitlab-Event": "Merge Request Hook", "X-Gitlab-Token": SECRET}
    return Client().post("/hooks/gitlab", json.dumps(event), "application/json", headers=headers)


def test_a_refused_change_of_tags_yaml_is_a_failed_status(host: Host, github: GitHubServer) -> None:
    from registry import sync

    host.shared.write({V2: BETTER, "tags.yaml": "oracle: {stable: {version: v2, model: tiny}}\n"})
    merged = host.shared.commit("Ship it.")
    github.commits.add(merged)
    sync.sync()
    relayed()
    [(state, told)] = github.shown(merged, "assay/tags")
    assert state == "failure"
    assert told.startswith("oracle:stable refused: oracle@v2")
