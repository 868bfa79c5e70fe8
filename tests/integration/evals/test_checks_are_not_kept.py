"""Checks that ended long ago are deleted with what they measured; nothing else ever is."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from evals import commit_checks, engine, queries, tasks
from evals.commit_checks import pruning
from evals.errors import CheckUnknownError
from evals.models import (
    BaselineResult,
    CaseResult,
    CheckedPrompt,
    CommitCheck,
    EvalRun,
    ProposedVersion,
    Suite,
    WorkItem,
)
from registry import promotion, sync
from registry.domain.actor import Actor, Role
from registry.githost import Shown, show
from registry.models import Certificate, HostReport
from registry.models.ledger import TagEvent
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.evals.proposals import BETTER, Host, asked, relayed, suite, worked
from tests.integration.evals.test_checks_run_again import checked
from tests.integration.evals.test_commit_checks_meanwhile import beside
from tests.integration.evals.test_pull_requests import V2, github, host, newest, rung
from tests.integration.registry.github_server import GitHubServer

__all__ = ["github", "host"]
pytestmark = pytest.mark.django_db(transaction=True)

#: All that checks leave behind.
TABLES = (
    *(CommitCheck, CheckedPrompt, EvalRun, WorkItem, CaseResult, BaselineResult),
    *(ProposedVersion, Suite, HostReport),
)


@pytest.fixture
def comparing(tmp_path: Path, settings: Settings, repository: Repository) -> Host:
    """Its gate compares a version with the live one."""
    wanted = repository.with_(cases=60, policy={"margin": 0.1, "min_pass_rate": 0.5})
    return Host(tmp_path, settings, wanted)


def aged(days: int, *checks: CommitCheck) -> None:
    """As if it had been asked for, and had ended, so many days ago."""
    past = timezone.now() - timedelta(days=days)
    for check in checks:
        found = CommitCheck.objects.filter(pk=check.pk)
        found.update(created_at=past)
        found.exclude(finished_at=None).update(finished_at=past)
        EvalRun.objects.filter(checked__commit_check=check).update(created_at=past)
        for table in (ProposedVersion, Suite):
            table.objects.filter(runs__checked__commit_check=check).update(created_at=past)


def counted() -> dict[str, int]:
    return {table.__name__: table.objects.count() for table in TABLES}


def rows(*tables: Any) -> list[Any]:
    return [list(table.objects.order_by("pk").values()) for table in tables]


def test_an_old_check_goes_with_all_that_it_measured(
    comparing: Host, server: ModelServer, editor: Actor
) -> None:
    before = counted()
    check = worked(asked(comparing, comparing.propose({V2: BETTER}), editor))
    assert counted()["BaselineResult"] == counted()["CaseResult"] == 60
    aged(91, check)
    assert commit_checks.prune_checks(now=timezone.now()) == 1
    assert counted() == before
    with pytest.raises(CheckUnknownError) as refused:
        queries.check_for(editor, check.pk)
    assert refused.value.hint == "checks are deleted 90 days after they ended"
    assert commit_checks.prune_checks(now=timezone.now()) == 0


def test_younger_ones_and_what_they_share_stay(
    host: Host, server: ModelServer, editor: Actor, settings: Settings
) -> None:
    settings.CHECKS_DAYS = 7
    head = host.propose({V2: BETTER})
    old = worked(asked(host, head, editor, pull_request=1))
    young = worked(asked(host, head, editor, pull_request=2))
    [version] = ProposedVersion.objects.all()
    aged(8, old)
    aged(6, young)
    ProposedVersion.objects.update(created_at=timezone.now() - timedelta(days=8))
    tasks.tidy()
    assert CommitCheck.objects.get() == young
    assert EvalRun.objects.get().proposed == version
    assert CaseResult.objects.count() == 12
    aged(8, young)
    tasks.tidy()
    assert not ProposedVersion.objects.exists()


def test_a_check_that_goes_on_is_never_deleted(
    host: Host, server: ModelServer, editor: Actor, settings: Settings
) -> None:
    """However old it is: one waits for its turn, one is measured."""
    settings.CHECKS_AT_ONCE = 1
    measured = asked(host, host.propose({V2: BETTER}), editor)
    commit_checks.advance(measured.pk)
    waiting = asked(host, host.propose({V2: f"{BETTER}!"}), editor)
    aged(400, measured, waiting)
    before = rows(CommitCheck, EvalRun, WorkItem, ProposedVersion)
    tasks.tidy()
    assert rows(CommitCheck, EvalRun, WorkItem, ProposedVersion) == before
    assert worked(measured).verdict == worked(waiting).verdict == "PASS"


def test_what_a_tag_rests_on_stays(comparing: Host, server: ModelServer, editor: Actor) -> None:
    """The same text was proposed, merged, certified and promoted; years later all of that stands,
    and only the check is gone.
    """
    head = comparing.propose({V2: BETTER})
    check = worked(asked(comparing, head, editor))
    comparing.shared.git("merge", "--quiet", head)
    comparing.shared.push()
    sync.sync()
    run = started(editor, version=2)
    engine.work(run.pk, limits=QUICK)
    certificate = again(run).certificate
    assert certificate is not None
    promoter = Actor("user:petra", Role.PROMOTER.scopes)
    promotion.promote(target=promotion.Target("oracle", "stable", 2), actor=promoter)
    aged(1_000, check)
    EvalRun.objects.update(created_at=timezone.now() - timedelta(days=1_000))
    proven = rows(Certificate, TagEvent)
    measured = list(CaseResult.objects.filter(run=run).order_by("pk").values())
    tasks.tidy()
    assert not CommitCheck.objects.exists()
    assert EvalRun.objects.get() == run
    assert list(CaseResult.objects.order_by("pk").values()) == measured
    assert rows(Certificate, TagEvent) == proven


def test_a_suite_that_was_only_proposed_goes_too(
    comparing: Host, server: ModelServer, editor: Actor
) -> None:
    """One that was merged stays, and so do all that the branch ever had."""
    branch = set(Suite.objects.values_list("digest", flat=True))
    heads = [comparing.propose(suite(cases)) for cases in (61, 62)]
    aged(91, *(worked(asked(comparing, head, editor)) for head in heads))
    merged = Suite.objects.exclude(digest__in=branch).earliest("pk").digest
    comparing.shared.git("merge", "--quiet", heads[0])
    comparing.shared.push()
    sync.sync()
    tasks.tidy()
    assert set(Suite.objects.values_list("digest", flat=True)) == {*branch, merged}
    assert Suite.objects.get(is_current=True).digest == merged


def test_what_was_paid_for_goes_on_being_counted(
    comparing: Host, server: ModelServer, editor: Actor, settings: Settings
) -> None:
    """A counter that falls begins anew, for Prometheus: all that is left would be news."""
    settings.METRICS_TOKEN = "token"
    first = worked(asked(comparing, comparing.propose({V2: BETTER}), editor))
    server.reply = lambda _question, _nth: Say("no")
    second = worked(asked(comparing, comparing.propose({V2: f"{BETTER}!"}), editor))
    before = scraped()
    assert len(before) == 4, "two verdicts, two kinds of tokens"
    for check in (first, second):
        aged(91, check)
        tasks.tidy()
        tasks.tidy()
        assert scraped() == before
    assert not EvalRun.objects.exists()


def scraped() -> set[str]:
    """What Prometheus is told of runs."""
    answer = Client(headers={"Authorization": "Bearer token"}).get("/metrics")
    told = ("assay_runs{", "assay_run_tokens_total{")
    return {line for line in answer.content.decode().splitlines() if line.startswith(told)}


def test_who_is_killed_over_it_leaves_the_rest_to_the_next(
    host: Host, server: ModelServer, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a check and its runs, and in the middle of a run."""
    before = counted()
    aged(91, worked(asked(host, host.propose({V2: BETTER}), editor)))
    monkeypatch.setattr(pruning, "_BATCH", 5)
    CommitCheck.objects.all().delete()
    some = list(WorkItem.objects.values_list("pk", flat=True)[:5])
    WorkItem.objects.filter(pk__in=some).delete()
    assert EvalRun.objects.count() == 1
    tasks.tidy()
    assert counted() == before


def test_of_very_many_some_go_each_hour_the_oldest_first(
    host: Host, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_MOST", 2)
    checks = [worked(asked(host, host.propose({"README.md": f"{n}"}), editor)) for n in range(3)]
    for days, check in zip((91, 93, 92), checks, strict=True):
        aged(days, check)
    tasks.tidy()
    assert CommitCheck.objects.get() == checks[0]
    tasks.tidy()
    assert not CommitCheck.objects.exists()


def test_what_somebody_proposes_just_now_is_not_taken_away(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    head = host.propose({V2: BETTER})
    aged(91, worked(asked(host, head, editor)))
    is_held, go_on = threading.Event(), threading.Event()

    def propose() -> None:
        with transaction.atomic():
            list(ProposedVersion.objects.select_for_update(no_key=True))
            is_held.set()
            assert go_on.wait(60)

    with beside(propose):
        assert is_held.wait(60)
        tasks.tidy()
        go_on.set()
    assert counted()["EvalRun"] == 0
    assert counted()["ProposedVersion"] == 1, "the next hour takes it"
    assert worked(asked(host, head, editor)).verdict == "PASS"


def test_what_the_host_shows_stays_there_and_is_gone_on_with(
    host: Host, github: GitHubServer, server: ModelServer
) -> None:
    """Of a head that is still checked, and of what was asked for by tags.yaml, the report stays."""
    head = checked(host, github)
    with transaction.atomic():
        show(head, "assay/tags", Shown(HostReport.State.PASSED, "granted"))
    aged(91, newest())
    tasks.tidy()
    assert [one.context for one in HostReport.objects.all()] == ["assay/tags"]
    shown, comments = github.shown(head), len(github.comments[7])
    assert shown[-1][0] == "success"
    rung("reopened", head)
    relayed()
    worked(newest())
    relayed()
    assert github.shown(head)[-1][0] == "success"
    assert len(github.comments[7]) == comments, "the comment is found, and goes on"
