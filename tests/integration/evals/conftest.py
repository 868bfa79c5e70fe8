"""A small published repository and a scripted model server behind its pin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.celery import app as celery_app
from core.findings import Finding
from evals import queries, results, runs
from evals.conversation import Patience
from evals.follow import follow_repository
from evals.leases import Lease
from evals.limits import Limits
from evals.models import EvalRun
from evals.results import Result
from evals.scoring import Judgement
from registry.domain.actor import Actor, Role
from registry.domain.change import RepositoryChange
from registry.domain.files import MemoryFiles
from registry.domain.repository import parse_repository
from registry.models import ModelVersion
from registry.sync.applying import apply_change
from tests.integration.evals.model_server import ModelServer, Reply, Say
from tests.integration.evals.umpire import Umpire, by_the_word

#: The same manners as in production, at a test's pace.
QUICK = Limits(
    look_seconds=0.2,
    patience=Patience(tries=3, first_wait_seconds=0.01, longest_wait_seconds=0.05),
)


@dataclass(frozen=True)
class Repository:
    """What the prompt repository holds; `with_` changes it, `publish` syncs it."""

    url: str
    cases: int = 12
    repeats: int = 1
    served_id: str = "tiny"
    revision: str = "r1"
    concurrency: int = 4
    template: str = "{{ question }}"
    suite: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    more: dict[str, bytes] = field(default_factory=dict)

    def with_(self, **changes: Any) -> Repository:
        return replace(self, **changes)

    def files(self) -> MemoryFiles:
        policy = {"min_cases": 10, "min_pass_rate": 0.5, **self.policy}
        suite = {
            "dataset": "datasets/oracle.jsonl",
            "repeats": self.repeats,
            "checks": [{"type": "exact"}],
            **self.suite,
        }
        pin = {
            "served_id": self.served_id,
            "revision": self.revision,
            "base_url": self.url,
            "concurrency": self.concurrency,
            "timeout_seconds": 10,
        }
        header = "---\nvariables:\n  question: {type: string}\n---\n"
        texts = {
            "prompts/oracle/prompt.yaml": json.dumps({"suites": ["oracle"], "model": "tiny"}),
            "prompts/oracle/v1.jinja2": header + self.template,
            "suites/oracle.yaml": json.dumps(suite),
            "datasets/oracle.jsonl": "\n".join(json.dumps(row) for row in self.rows()),
            "gates.yaml": json.dumps({"policies": {"gate": policy}, "tags": {"stable": "gate"}}),
            "models.yaml": json.dumps({"models": {"tiny": pin}}),
        }
        return MemoryFiles({path: text.encode() for path, text in texts.items()} | self.more)

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"id": f"c{i}", "variables": {"question": f"case {i}"}, "expected": "yes"}
            for i in range(self.cases)
        ]

    def publish(self, *, errors: bool = False, without: str = "nothing") -> tuple[Finding, ...]:
        """Apply it as a sync does; returns the findings about suites.

        `errors`: some are expected outside the suites. `without`: leave this folder out.
        """
        contents = self.files().contents
        files = MemoryFiles({p: data for p, data in contents.items() if not p.startswith(without)})
        parsed = parse_repository(files)
        found = [f for f in parsed.findings if f.severity == "error"]
        assert bool(found) == errors, parsed.findings
        change = RepositoryChange("c" * 40, files, parsed, timezone.now())
        with transaction.atomic():
            apply_change(change)
            return follow_repository(change)


@pytest.fixture(autouse=True)
def _celery() -> None:
    """Bells go to the broker of this session, as in production."""
    celery_app.set_current()


@pytest.fixture
def editor() -> Actor:
    return Actor("user:eda", Role.EDITOR.scopes)


def yes(_question: str, _nth: int) -> Reply:
    """A model that is always right."""
    return Say("yes")


@contextmanager
def model_server(reply: Callable[[str, int], Reply] = yes) -> Iterator[ModelServer]:
    with ModelServer(reply) as server:
        yield server


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model that is always right, until the test says otherwise."""
    with model_server() as running:
        yield running


@pytest.fixture
def umpire() -> Iterator[Umpire]:
    """A second model, which judges, and is honest until the test says otherwise."""
    with Umpire(by_the_word) as running:
        yield running


@pytest.fixture
def repository(db: None, server: ModelServer) -> Repository:
    """Not published yet."""
    return Repository(server.url)


def started(actor: Actor, **changes: Any) -> EvalRun:
    """A run of `oracle` v1 on its default model under the gate of `stable`."""
    arguments = {"prompt": "oracle", "version": 1, "model": None, "tag": "stable", **changes}
    return runs.start_run(actor=actor, now=timezone.now(), **arguments)


def again(run: EvalRun) -> EvalRun:
    """The run as the database has it now."""
    return queries.run(run.pk)


def a_minute_passes() -> None:
    """What was measured is not the newest news any more."""
    ModelVersion.objects.update(fingerprint_at=F("fingerprint_at") - timedelta(minutes=1))


def stored(lease: Lease, judgement: Judgement) -> bool:
    """Whether this result was taken for the lease's item."""
    return bool(results.store(run_id=lease.run, results=[Result(lease, judgement)]))
