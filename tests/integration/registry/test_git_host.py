"""What a commit is worth is shown at its Git host: once, in place, and however often that fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from core.findings import Finding
from registry import githost, outbox
from registry.channels import channels
from registry.githost import Shown, calling
from registry.models import HostReport, OutboxDelivery
from tests.integration.registry.github_server import GitHubServer
from tests.integration.registry.gitlab_server import GitLabServer
from tests.integration.registry.host_server import TOKEN, Answer, HostServer

pytestmark = pytest.mark.django_db
State = HostReport.State
HEAD = "a" * 40
DONE = Shown(
    State.FAILED, "FAIL: worse", "**worse**", "https://assay.example/checks/1", pull_request=7,
    comment="### FAIL\n",
)  # fmt: skip
CONTEXT = "assay/check"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made between tries, without making them."""
    made: list[float] = []
    defaults = calling.Caller.__init__.__defaults__
    assert defaults is not None
    monkeypatch.setattr(calling.Caller.__init__, "__defaults__", (*defaults[:-1], made.append))
    return made


def told_to(settings: Settings, kind: str, server: HostServer) -> None:
    settings.GIT_HOST, settings.GIT_HOST_URL = kind, server.url
    settings.GIT_HOST_PROJECT, settings.GIT_HOST_TOKEN = "octo/prompts", TOKEN
    server.commits.add(HEAD)


@pytest.fixture
def github(settings: Settings, pauses: list[float]) -> Iterator[GitHubServer]:
    with GitHubServer() as server:
        told_to(settings, "github", server)
        yield server


@pytest.fixture
def gitlab(settings: Settings, pauses: list[float]) -> Iterator[GitLabServer]:
    with GitLabServer() as server:
        told_to(settings, "gitlab", server)
        yield server


def delivered() -> int:
    """What a worker does: how many messages arrived."""
    outbox.route(channels(), timezone.now())
    return sum(outbox.deliver(channel) for channel in channels())


def show(shown: Shown, commit: str = HEAD) -> None:
    githost.show(commit, CONTEXT, shown)


def waiting() -> OutboxDelivery:
    return OutboxDelivery.objects.get(delivered_at=None)


def later() -> None:
    OutboxDelivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("state", "status", "conclusion"),
    [
        (State.QUEUED, "pending", None),
        (State.RUNNING, "pending", None),
        (State.PASSED, "success", "success"),
        (State.FAILED, "failure", "failure"),
        (State.UNDECIDED, "failure", "action_required"),
        (State.BROKEN, "error", "failure"),
        (State.CANCELLED, "error", "cancelled"),
    ],
)
def test_github_shows_a_status_and_a_check_run(
    github: GitHubServer, state: State, status: str, conclusion: str | None
) -> None:
    show(replace(DONE, state=state))
    assert delivered() == 1
    assert github.shown(HEAD) == [(status, "FAIL: worse")]
    [run] = github.check_runs.values()
    assert (run["name"], run["head_sha"], run.get("conclusion")) == (CONTEXT, HEAD, conclusion)
    assert run["details_url"] == "https://assay.example/checks/1"
    assert run["output"] == {"title": "FAIL: worse", "summary": "**worse**"}


def test_a_check_goes_from_queued_to_its_verdict_in_one_check_run_and_one_comment(
    github: GitHubServer,
) -> None:
    for state, comment in ((State.QUEUED, "wait"), (State.RUNNING, "wait"), (State.FAILED, "no")):
        show(replace(DONE, state=state, title=state.value, comment=comment))
        delivered()
    assert [one[1] for one in github.shown(HEAD)] == ["queued", "running", "failed"]
    [run] = github.check_runs.values()
    assert (run["status"], run["conclusion"]) == ("completed", "failure")
    assert github.comment(7).startswith("no\n<!-- assay ")
    assert len(github.calls("PATCH", "/issues/comments/")) == 1, "only when it reads differently"


def test_a_check_that_begins_again_has_another_check_run(github: GitHubServer) -> None:
    finding = Finding("prompts/a/v1.jinja2", 3, 1, "error", "secret", "No.")
    for state in (State.UNDECIDED, State.QUEUED, State.RUNNING, State.PASSED):
        show(replace(DONE, state=state, findings=(finding,)))
        delivered()
    first, second = github.check_runs.values()
    assert (first["conclusion"], second["conclusion"]) == ("action_required", "success")
    assert len(first["annotations"]) == len(second["annotations"]) == 1
    assert len(github.comments[7]) == 1


def test_a_newer_commit_of_the_pull_request_takes_its_comment_over(github: GitHubServer) -> None:
    show(DONE)
    delivered()
    github.commits.add("b" * 40)
    show(replace(DONE, state=State.PASSED, comment="### PASS\n"), commit="b" * 40)
    show(replace(DONE, state=State.CANCELLED, comment=""))
    delivered()
    assert github.comment(7).startswith("### PASS")
    assert github.shown(HEAD)[-1][0] == "error"


def test_another_pull_request_of_the_same_commit_has_a_comment_of_its_own(
    github: GitHubServer,
) -> None:
    show(DONE)
    delivered()
    show(replace(DONE, pull_request=8, comment="### PASS\n"))
    delivered()
    assert github.comment(7).startswith("### FAIL")
    assert github.comment(8).startswith("### PASS")
    show(replace(DONE, comment="### AGAIN\n"))
    delivered()
    assert github.comment(7).startswith("### AGAIN")
    assert [len(github.comments[number]) for number in (7, 8)] == [1, 1]


def test_of_many_changes_that_waited_for_a_dead_host_the_last_counts(github: GitHubServer) -> None:
    github.is_down = True
    for number in range(5):
        show(replace(DONE, state=State.RUNNING, title=f"{number} of 5"))
        assert delivered() == 0
    show(DONE)
    github.is_down = False
    later()
    assert delivered() == 6
    assert github.shown(HEAD) == [("failure", "FAIL: worse")]


def test_findings_stand_at_their_lines_fifty_a_call(github: GitHubServer) -> None:
    findings = tuple(
        Finding(f"prompts/a/v{n}.jinja2", n, 1, "error" if n else "warning", "secret", "No.", "Fix")
        for n in range(120)
    )
    show(replace(DONE, findings=findings))
    delivered()
    [run] = github.check_runs.values()
    assert len(run["annotations"]) == 120
    assert run["annotations"][0] == {
        "path": "prompts/a/v0.jinja2",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "warning",
        "title": "secret",
        "message": "No. (Fix)",
    }
    show(replace(DONE, findings=findings, title="again"))
    delivered()
    assert len(run["annotations"]) == 120


def test_long_texts_are_cut_to_what_the_host_takes(github: GitHubServer) -> None:
    show(replace(DONE, title="x" * 500, summary="é" * 80_000))
    assert delivered() == 1


def test_a_token_that_is_no_app_s_has_the_status_and_the_comment(github: GitHubServer) -> None:
    github.is_app = False
    show(DONE)
    assert delivered() == 1
    assert github.shown(HEAD) == [("failure", "FAIL: worse")]
    assert github.comment(7)
    show(replace(DONE, state=State.PASSED))
    delivered()
    assert len(github.calls("POST", "/check-runs")) == 1, "it is not asked again"


@pytest.mark.parametrize("lost", ["check_run", "comment_id"])
def test_who_is_killed_before_the_note_finds_what_was_made(github: GitHubServer, lost: str) -> None:
    github.page_size = 3
    for number in range(7):
        row = {"id": number, "body": f"Talk {number}."}
        github.comments.setdefault(7, {})[number] = row
    show(DONE)
    delivered()
    assert len(github.comments[7]) == 8
    HostReport.objects.update(**{lost: ""}, comment_shown="")
    show(replace(DONE, state=State.PASSED, comment="### PASS\n"))
    delivered()
    assert (len(github.comments[7]), len(github.check_runs)) == (8, 1)
    ours = [one["body"] for one in github.comments[7].values() if "assay" in one["body"]]
    assert [body.splitlines()[0] for body in ours] == ["### PASS"]


def test_a_comment_that_somebody_deleted_is_written_again(github: GitHubServer) -> None:
    show(DONE)
    delivered()
    github.comments[7].clear()
    show(replace(DONE, comment="### More\n"))
    delivered()
    assert github.comment(7).startswith("### More")


def test_who_copies_our_mark_does_not_get_our_comment(github: GitHubServer) -> None:
    show(DONE)
    delivered()
    copied = github.comment(7)
    github.comments[7][5000] = {"id": 5000, "body": copied}
    HostReport.objects.update(comment_id="", comment_shown="")
    show(replace(DONE, comment="### More\n"))
    delivered()
    assert github.comments[7][5000]["body"] == copied


@pytest.mark.parametrize("fault", [Answer(502), Answer(0), Answer(503)])
def test_a_hiccup_is_tried_again_at_once(
    github: GitHubServer, pauses: list[float], fault: Answer
) -> None:
    github.faults += [fault, fault]
    show(DONE)
    assert delivered() == 1
    assert pauses == [0.5, 2.0]


def test_an_outage_is_waited_for(github: GitHubServer) -> None:
    github.faults += [Answer(500)] * 3
    show(DONE)
    assert delivered() == 0
    assert "answers 500" in waiting().last_error
    later()
    assert delivered() == 1


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(429, {"message": "slow down"}, {"Retry-After": "120"}), 120),
        (Answer(403, {"message": "secondary rate limit"}, {"Retry-After": "90"}), 90),
        (Answer(429, {"message": "slow down"}), 60),
        (Answer(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "+200"}), 200),
        # Milliseconds where seconds belong: a day is the most that is believed.
        (Answer(429, {}, {"Retry-After": "1700000000000"}), 86_400),
    ],
)  # fmt: skip
def test_a_rate_limit_is_kept(github: GitHubServer, answer: Answer, seconds: int) -> None:
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if reset.startswith("+"):
        then = int(timezone.now().timestamp()) + int(reset)
        answer = replace(answer, headers={**answer.headers, "X-RateLimit-Reset": str(then)})
    github.faults.append(answer)
    show(DONE)
    assert delivered() == 0
    assert len(github.asked) == 1, "it is left alone"
    wait = (waiting().next_at - timezone.now()).total_seconds()
    assert seconds - 5 < wait < seconds * 1.25


def test_a_wrong_token_waits_for_the_right_one(github: GitHubServer, settings: Settings) -> None:
    settings.GIT_HOST_TOKEN = "wrong"
    show(DONE)
    assert delivered() == 0
    assert "401 Bad credentials" in waiting().last_error
    assert "wrong" not in waiting().last_error
    settings.GIT_HOST_TOKEN = TOKEN
    later()
    assert delivered() == 1


def test_a_commit_that_the_host_does_not_have_is_given_up(github: GitHubServer) -> None:
    show(DONE, commit="c" * 40)
    assert delivered() == 0
    dead = OutboxDelivery.objects.get()
    assert dead.dead_at is not None
    assert "No commit found" in dead.last_error


def test_without_a_host_nothing_is_written_down(db: None) -> None:
    show(DONE)
    assert not HostReport.objects.exists()
    assert [channel.name for channel in channels()] == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"repo": {"full_name": "mallory/prompts"}}, {"is_fork": True}),
        ({"repo": None}, {"is_fork": True}),
        ({"state": "closed"}, {"is_open": False}),
        ({"labels": ["a", "b"]}, {"labels": frozenset({"a", "b"})}),
    ],
)
def test_a_pull_request_is_read(
    github: GitHubServer, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    github.propose(7, HEAD, "b" * 40, **changes)
    plain = githost.PullRequest(
        7, "Ask better.", HEAD, "b" * 40, "main", is_open=True, is_fork=False, labels=frozenset()
    )
    assert githost.configured().pull_request(7) == replace(plain, **expected)


def test_gitlab_shows_a_status_and_one_note(gitlab: GitLabServer) -> None:
    gitlab.page_size = 2
    for number in range(5):
        gitlab.comments.setdefault(7, {})[number] = {"id": number, "body": "Talk."}
    for state in (State.QUEUED, State.RUNNING, State.RUNNING, State.UNDECIDED):
        show(replace(DONE, state=state, comment=f"### {state}\n"))
        delivered()
        HostReport.objects.update(comment_id="")
    assert gitlab.statuses[HEAD, CONTEXT] == ["pending", "running", "failed"]
    ours = [one["body"] for one in gitlab.comments[7].values() if "assay" in one["body"]]
    assert [body.splitlines()[0] for body in ours] == ["### undecided"]
    gitlab.comments[7].clear()
    show(replace(DONE, state=State.PASSED, comment="### again\n"))
    delivered()
    assert (len(gitlab.comments[7]), waiting_count()) == (1, 0)


def waiting_count() -> int:
    return OutboxDelivery.objects.filter(delivered_at=None).count()


def test_a_merge_request_is_read(gitlab: GitLabServer) -> None:
    gitlab.propose(7, HEAD, "b" * 40, source_project_id=9, labels=["x"])
    assert githost.configured().pull_request(7) == githost.PullRequest(
        7,
        "Ask better.",
        HEAD,
        "b" * 40,
        "main",
        is_open=True,
        is_fork=True,
        labels=frozenset({"x"}),
    )
