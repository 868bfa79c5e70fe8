"""A followed repository on a Git host of our own, and what people propose for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.utils import timezone
from pytest_django.fixtures import Settings

from evals import commit_checks, engine, queries
from evals.commit_checks import Proposal
from evals.models import CommitCheck, EvalRun
from registry import outbox, sync
from registry.channels import channels
from registry.domain.actor import Actor
from registry.models import OutboxDelivery
from tests.integration.evals.conftest import QUICK, Repository
from tests.integration.registry.shared_repository import SharedRepository

HEADER = "---\nvariables:\n  question: {type: string}\n---\n"
BETTER = HEADER + "{{ question }} better"
LIVE = {"tags.yaml": "oracle: {stable: {version: v1, model: tiny}}\n"}


class Host:
    """The bare repository, with `oracle` v1 live, and branches beside `main`."""

    def __init__(self, folder: Path, settings: Settings, repository: Repository) -> None:
        self.shared = SharedRepository(folder)
        self.shared.write({**repository.files().contents, **LIVE}).commit()
        settings.REPOSITORY_URL = self.shared.url
        settings.REPOSITORY_PROTOCOLS = ("file",)
        settings.DATA_DIR = folder / "data"
        run = sync.sync()
        assert run.status == "applied", run.error
        self.base = self.shared.head

    def propose(self, files: dict[str, str], ref: str = "refs/heads/change") -> str:
        """A commit on a branch beside main, or only where a host keeps a fork's."""
        git = self.shared.git
        git("checkout", "--quiet", "--force", "-B", "change", self.base)
        self.shared.write(files)
        git("commit", "--quiet", "--allow-empty", "--message", "Ask better.")
        head = git("rev-parse", "HEAD").decode().strip()
        git("push", "--quiet", "--force", "origin", f"HEAD:{ref}")
        git("checkout", "--quiet", "--force", "main")
        return head


def asked(host: Host, head: str, actor: Actor, **more: Any) -> CommitCheck:
    return commit_checks.request_check(
        proposal=Proposal(head, more.pop("base", host.base), **more),
        model=None,
        actor=actor,
        now=timezone.now(),
    )


def worked(check: CommitCheck) -> CommitCheck:
    """What workers do until the check is done."""
    for _ in range(20):
        commit_checks.advance(check.pk)
        check.refresh_from_db()
        if check.status == CommitCheck.Status.DONE:
            return check
        for run in EvalRun.objects.filter(checked__commit_check=check, status__in=EvalRun.LIVE):
            engine.work(run.pk, limits=QUICK)
    raise AssertionError(f"{check} is still {check.status}")


def told(check: CommitCheck, actor: Actor) -> dict[str, str | None]:
    """The verdict of each prompt."""
    from evals.commit_checks.outcomes import outcome_of

    found = queries.check_for(actor, check.pk)
    return {one.prompt: outcome_of(one).verdict for one in found.prompts.all()}


def suite(cases: int, **changes: Any) -> dict[str, str]:
    """The suite of `oracle` with another number of cases."""
    rows = [
        {"id": f"c{i}", "variables": {"question": f"case {i}"}, "expected": "yes"}
        for i in range(cases)
    ]
    spec = {"dataset": "datasets/oracle.jsonl", "checks": [{"type": "exact"}], **changes}
    return {
        "datasets/oracle.jsonl": "\n".join(map(json.dumps, rows)),
        "suites/oracle.yaml": json.dumps(spec),
    }


def relayed() -> int:
    """What the worker does every few seconds with messages for the outside; how many arrived."""
    now = timezone.now()
    OutboxDelivery.objects.update(next_at=now)
    outbox.route(channels(), now)
    return sum(outbox.deliver(channel) for channel in channels())
