"""A check that a person cancelled stays cancelled until somebody wants it, or a commit comes."""

from __future__ import annotations

import pytest
from django.utils import timezone

from evals import commit_checks
from evals.models import CommitCheck
from registry.domain.actor import Actor
from registry.models import OutboxDelivery
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.proposals import BETTER, Host, asked, relayed, worked
from tests.integration.evals.test_checks_run_again import pull, rerun
from tests.integration.evals.test_pull_requests import (
    FORK,
    LABEL,
    V2,
    github,
    host,
    labelled,
    newest,
    rung,
)
from tests.integration.registry.github_server import GitHubServer

__all__ = ["github", "host"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def head(host: Host, github: GitHubServer, editor: Actor) -> str:
    """The head of pull request 7, whose check somebody cancelled."""
    made = host.propose({V2: BETTER})
    github.propose(7, made, host.base)
    rung("opened", made)
    relayed()
    cancelled(editor)
    return made


def cancelled(actor: Actor) -> None:
    """The newest check, as its page and `assay ci` do it."""
    commit_checks.cancel_check(check_id=newest().pk, actor=actor, now=timezone.now())
    relayed()


def began(count: int) -> bool:
    """Whether so many checks were ever begun, and the newest goes on."""
    return (CommitCheck.objects.count(), newest().status) == (count, "queued")


def test_other_news_of_its_pull_request_do_not_start_it_again(
    host: Host, github: GitHubServer, head: str
) -> None:
    github.propose(7, head, host.base, title="Ask better, please.")
    rung("edited", head)
    labelled(head, "documentation")
    rung("reopened", head)
    relayed()
    assert newest().sentences == ["cancelled by user:eda"]
    assert CommitCheck.objects.count() == 1
    assert github.shown(head)[-1][0] == "error"


def test_a_new_commit_is_checked(host: Host, github: GitHubServer, head: str) -> None:
    second = host.propose({V2: f"{BETTER}!"})
    github.propose(7, second, host.base)
    rung("synchronize", second)
    relayed()
    assert began(2)
    assert newest().head == second


def test_who_asks_for_it_has_it_checked(
    host: Host, github: GitHubServer, server: ModelServer, editor: Actor, head: str
) -> None:
    """By the command, by "re-run", or by setting the label, each time after it was cancelled."""
    asked(host, head, editor, pull_request=7)
    assert began(2)
    cancelled(editor)
    rerun(head, pull(head), run=1)
    relayed()
    assert began(3)
    cancelled(editor)
    github.propose(7, head, host.base, labels=[LABEL])
    labelled(head)
    relayed()
    assert began(4)
    assert worked(newest()).verdict == "PASS"


def test_a_question_from_before_is_answered_by_the_cancellation(
    host: Host, github: GitHubServer, editor: Actor, head: str
) -> None:
    """The host repeats itself, or a worker was killed before it had noted that it was done."""
    github.propose(7, head, host.base, labels=[LABEL])
    labelled(head)
    rerun(head, pull(head), run=1)
    relayed()
    assert began(2)
    cancelled(editor)
    asked_before = OutboxDelivery.objects.filter(
        message__topic__in=["proposal.changed", "check.rerequested"]
    )
    assert asked_before.update(delivered_at=None) == 3
    relayed()
    assert CommitCheck.objects.count() == 2


def test_what_was_wanted_again_and_ended_with_its_pull_request_is_checked_when_that_opens(
    host: Host, github: GitHubServer, editor: Actor, head: str
) -> None:
    asked(host, head, editor, pull_request=7)
    github.propose(7, head, host.base, state="closed")
    rung("closed", head)
    relayed()
    assert newest().sentences == ["the pull request was closed"]
    github.propose(7, head, host.base)
    rung("reopened", head)
    relayed()
    assert began(3)


def test_a_fork_s_commit_is_let_in_though_its_lint_was_cancelled(
    host: Host, github: GitHubServer, editor: Actor
) -> None:
    head = host.propose({V2: BETTER}, ref="refs/pull/7/head")
    github.propose(7, head, host.base, repo=FORK)
    rung("opened", head)
    relayed()
    cancelled(editor)
    rung("edited", head)
    relayed()
    assert CommitCheck.objects.count() == 1
    github.propose(7, head, host.base, repo=FORK, labels=[LABEL])
    labelled(head)
    relayed()
    assert began(2)
    assert not newest().is_held
    cancelled(editor)
    rung("edited", head)
    relayed()
    assert CommitCheck.objects.count() == 2
