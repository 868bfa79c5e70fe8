"""A worker may die while a judge thinks: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from evals import engine
from evals.models import CaseResult, EvalRun, WorkItem
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.judged import (
    Bench,
    trusted,
)
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.umpire import Umpire, by_the_word

WORKER = """
import django, sys, uuid
django.setup()
from evals import engine
engine.work(uuid.UUID(sys.argv[1]))
"""


@contextmanager
def another_process(run: EvalRun) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that can be killed. Ours would take the test with it."""
    there = connection.settings_dict
    host = quote(str(there["HOST"]), safe="")
    who = f"{quote(str(there['USER']))}:{quote(str(there['PASSWORD']))}"
    port = f"&port={there['PORT']}" if there["PORT"] else ""
    url = f"postgresql://{who}@/{there['NAME']}?host={host}{port}"
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", WORKER, str(run.pk)]
    with subprocess.Popen(command, env=environment) as process:
        yield process


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_answer_and_verdict_leaves_one_result_a_case(
    repository: Repository, server: ModelServer, umpire: Umpire, editor: Actor
) -> None:
    trusted(repository, umpire, editor, Bench(labels=60))
    hang = threading.Event()

    def thinking(texts: dict[str, str]) -> int:
        if texts["question"] == "case 3":
            hang.wait(60)
        return by_the_word(texts)

    umpire.judge = thinking
    run = started(editor)
    with another_process(run) as worker:
        deadline = time.monotonic() + 60
        while not any(texts["question"] == "case 3" for texts in umpire.of_cases):
            assert time.monotonic() < deadline
            assert worker.poll() is None
            time.sleep(0.02)
        worker.kill()
    hang.set()
    WorkItem.objects.filter(run=run, done=False).update(leased_until=timezone.now())
    done_before = again(run).done
    assert done_before < 12
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert (run.verdict, run.done) == ("PASS", 12), run.reasons
    assert Counter(CaseResult.objects.filter(run=run).values_list("case", flat=True)) == Counter(
        f"c{number}" for number in range(12)
    )
    told = run.results.aggregate(
        asked=Sum("prompt_tokens", filter=Q(from_cache=False)),
        read=Sum("judge_prompt_tokens"),
        wrote=Sum("judge_completion_tokens"),
    )
    assert (told["read"], told["wrote"]) == (1200, 84)
    assert run.prompt_tokens == told["asked"] + told["read"]
