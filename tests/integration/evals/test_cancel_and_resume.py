"""A run can be stopped at any time and goes on where it stopped; workers share without waste."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from evals import engine, leases, queries, runs
from evals.errors import RunFinishedError
from evals.leases import Lease
from evals.models import CaseResult, EvalRun, WorkItem
from evals.scoring import Judgement, Outcome
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, again, started, stored
from tests.integration.evals.model_server import ModelServer, Reply, Say

pytestmark = pytest.mark.django_db(transaction=True)


def _work(run: EvalRun) -> None:
    try:
        engine.work(run.pk, limits=QUICK)
    finally:
        connection.close()


@contextmanager
def workers(run: EvalRun, count: int = 1) -> Iterator[list[Future[None]]]:
    """As many workers as asked for, each on a thread and a connection of its own."""
    with ThreadPoolExecutor(count) as pool:
        yield [pool.submit(_work, run) for _ in range(count)]


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread does; gives up long after any machine would have done it."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_whoever_loses_everything_in_mid_run_looks_whether_there_is_more(
    repository: Repository, server: ModelServer, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.with_(cases=12).publish()
    run = started(editor)
    server.reply = lambda _question, _nth: Say("yes", seconds=0.4)
    still_held, lost = leases.still_held, threading.Event()

    def all_lost_once(held: Collection[Lease]) -> frozenset[int]:
        if server.case_calls and not lost.is_set():
            lost.set()
            return frozenset()
        return still_held(held)

    monkeypatch.setattr(leases, "still_held", all_lost_once)
    engine.work(run.pk, limits=QUICK)
    assert lost.is_set()
    assert again(run).verdict == "PASS"


def test_suites_that_cannot_be_read_hold_no_case_back(
    repository: Repository, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.publish()
    run = started(editor)

    def unreadable(_run: EvalRun) -> None:
        raise OperationalError("the database went away")

    monkeypatch.setattr(queries, "suites_of", unreadable)
    with pytest.raises(OperationalError):
        engine.work(run.pk, limits=QUICK)
    assert not WorkItem.objects.filter(run=run).exclude(leased_until=None, attempts=0).exists()


def test_a_cancelled_run_stops_and_can_be_resumed(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    hang = threading.Event()

    def hanging(_question: str, _nth: int) -> Reply:
        if server.case_calls.total() > 20:
            hang.wait(60)
        return Say("yes")

    server.reply = hanging
    repository.with_(cases=60).publish()
    run = started(editor)
    with workers(run) as [worker]:
        eventually(lambda: again(run).done > 4)
        runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now())
        worker.result(timeout=30)
        hang.set()
    stopped = again(run)
    assert (stopped.status, stopped.verdict) == ("cancelled", "")
    assert stopped.reasons == ["cancelled by user:eda"]
    assert 4 < stopped.done < 60
    assert not WorkItem.objects.filter(run=run, leased_until__gt=timezone.now()).exists()
    assert runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now()).done == stopped.done

    answered = set(CaseResult.objects.filter(run=run).values_list("case", flat=True))
    before = server.case_calls
    runs.resume_run(run_id=run.pk, actor=editor, now=timezone.now())
    runs.resume_run(run_id=run.pk, actor=editor, now=timezone.now())
    _work(run)
    done = again(run)
    assert (done.verdict, done.done, done.prompt_tokens) == ("PASS", 60, 600)
    assert all(server.case_calls[f"case {c[1:]}"] == before[f"case {c[1:]}"] for c in answered)
    with pytest.raises(RunFinishedError):
        runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now())
    with pytest.raises(RunFinishedError):
        runs.resume_run(run_id=run.pk, actor=editor, now=timezone.now())


def test_a_run_can_be_cancelled_while_the_model_is_measured(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    hang = threading.Event()

    def hanging(_question: str, _nth: int) -> Reply:
        hang.wait(60)
        return Say("yes")

    server.reply = hanging
    repository.publish()
    run = started(editor)
    with workers(run) as [worker]:
        eventually(lambda: server.running > 0)
        runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now())
        worker.result(timeout=30)
        hang.set()
    assert again(run).status == "cancelled"
    assert not server.case_calls


def test_two_workers_share_a_run_and_ask_nothing_twice(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda _question, _nth: Say("yes", seconds=0.02)
    repository.with_(cases=100).publish()
    run = started(editor)
    with workers(run, count=2) as both:
        for worker in both:
            worker.result(timeout=60)
    done = again(run)
    assert (done.verdict, done.done, done.prompt_tokens) == ("PASS", 100, 1000)
    assert set(server.case_calls.values()) == {1}
    assert WorkItem.objects.filter(run=run, done=True).count() == 100


def test_a_worker_that_lost_its_lease_stops_paying(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    hang = threading.Event()

    def hanging(question: str, _nth: int) -> Reply:
        if question == "case 0":
            hang.wait(60)
        return Say("yes")

    server.reply = hanging
    repository.publish()
    run = started(editor)
    with workers(run) as [slow]:
        eventually(lambda: server.calls["case 0"] == 1 and again(run).done == 11)
        past = timezone.now() - timedelta(seconds=1)
        WorkItem.objects.filter(run=run, done=False).update(leased_until=past)
        [lease] = leases.lease_chunk(run_id=run.pk, owner="successor", size=10)
        slow.result(timeout=30)  # although its call would still hang
        hang.set()
    assert again(run).status == "running"
    judgement = Judgement(Outcome.PASS, prompt_tokens=7)
    assert stored(lease, judgement)
    _work(run)
    assert (again(run).verdict, again(run).prompt_tokens) == ("PASS", 117)
