"""Items change hands by leases, and results get in by the newest fence only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from evals import engine, leases, runs
from evals.leases import Lease
from evals.models import CaseResult, EvalRun, JudgedAnswer, WorkItem
from evals.results import ANSWER_COLUMNS
from evals.scoring import Judgement, Outcome
from registry.domain.actor import Actor
from registry.rendering import Jail, RenderJob
from tests.integration.evals.conftest import QUICK, Repository, again, started, stored
from tests.integration.evals.model_server import ModelServer

PASS = Judgement(Outcome.PASS, text="yes", prompt_tokens=10, completion_tokens=2)


@pytest.fixture
def run(repository: Repository, editor: Actor) -> EvalRun:
    repository.publish()
    return started(editor)


def leased(run: EvalRun, owner: str, size: int = 100) -> tuple[Lease, ...]:
    return leases.lease_chunk(run_id=run.pk, owner=owner, size=size)


def expire(run: EvalRun) -> None:
    """As if the lease's time had passed."""
    WorkItem.objects.filter(run=run, done=False, leased_until__isnull=False).update(
        leased_until=timezone.now() - timedelta(seconds=1)
    )


def test_nobody_else_gets_what_is_leased(run: EvalRun) -> None:
    assert len(leased(run, "a", 5)) == 5
    assert len(leased(run, "b", 5)) == 5
    assert len(leased(run, "c", 5)) == 2
    assert leased(run, "d") == ()


def test_the_successor_of_a_dead_worker_wins(run: EvalRun) -> None:
    [dead] = leased(run, "dead", 1)
    expire(run)
    successor = next(lease for lease in leased(run, "alive") if lease.item == dead.item)
    assert successor.fence == dead.fence + 1
    assert not stored(dead, PASS)
    assert stored(successor, PASS)
    assert again(run).done == 1


def test_a_slow_worker_whose_items_nobody_took_still_counts(run: EvalRun) -> None:
    [slow] = leased(run, "slow", 1)
    expire(run)
    assert leases.still_held([slow]) == {slow.item}
    assert stored(slow, PASS)


def test_the_same_result_twice_is_one_result(run: EvalRun) -> None:
    [lease] = leased(run, "a", 1)
    assert stored(lease, PASS)
    assert not stored(lease, PASS)
    assert CaseResult.objects.filter(run=run).count() == again(run).done == 1
    assert again(run).prompt_tokens == 10


def test_what_is_stored_has_a_place_for_every_column() -> None:
    assert list(ANSWER_COLUMNS) == [field.column for field in JudgedAnswer._meta.fields]


def test_renewing_keeps_a_lease_and_releasing_ends_it(run: EvalRun) -> None:
    chunk = leased(run, "a")
    expire(run)
    leases.renew(items=[lease.item for lease in chunk], owner="a")
    assert leased(run, "b") == ()
    leases.release(items=[lease.item for lease in chunk], owner="a", refund=True)
    assert len(leased(run, "b")) == len(chunk)
    assert leases.still_held(chunk) == frozenset()


def test_a_cancelled_run_leases_nothing_but_takes_what_was_paid(
    run: EvalRun, editor: Actor
) -> None:
    first, second = leased(run, "a", 2)
    runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now())
    assert leased(run, "b") == ()
    assert leases.still_held([first, second]) == frozenset()
    assert stored(first, PASS)
    assert again(run).done == 1


def test_a_finished_run_takes_no_result(run: EvalRun) -> None:
    [lease] = leased(run, "a", 1)
    runs.abort_run(run_id=run.pk, reason="enough", now=timezone.now())
    assert not stored(lease, PASS)
    assert again(run).done == 0


def test_what_outlived_workers_comes_last_and_alone(run: EvalRun) -> None:
    for owner in ("first", "second"):
        assert len(leased(run, owner, 2)) == 2
        WorkItem.objects.filter(owner=owner).update(position=0)
        expire(run)
        # Only these two are free, so they are leased again.
        WorkItem.objects.filter(run=run, attempts=0).update(
            leased_until=timezone.now() + timedelta(hours=1)
        )
    WorkItem.objects.filter(run=run, attempts=0).update(leased_until=None)
    assert len(leased(run, "third")) == 10
    assert len(leased(run, "fourth")) == 1
    assert len(leased(run, "fifth")) == 1


def test_an_item_that_kills_its_workers_is_an_error_in_the_end(
    run: EvalRun, server: ModelServer
) -> None:
    poison = WorkItem.objects.filter(run=run, case="c3")
    poison.update(attempts=leases.MOST_ATTEMPTS)
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert (run.verdict, run.done, run.errors) == ("ERROR", 12, 1)
    assert "given up" in CaseResult.objects.get(run=run, case="c3").error
    assert "case 3" not in server.calls


def test_a_run_goes_on_where_a_dead_worker_left_it(run: EvalRun, server: ModelServer) -> None:
    chunk = leased(run, "dead", 6)
    stored(chunk[0], PASS)
    leases.take_lead(run_id=run.pk, owner="dead")
    expire(run)
    EvalRun.objects.filter(pk=run.pk).update(leader_until=timezone.now() - timedelta(seconds=1))
    engine.work(run.pk, limits=QUICK)
    assert again(run).verdict == "PASS"
    assert sum(server.case_calls.values()) == 11


def test_a_run_whose_leaders_all_die_ends_with_an_error(run: EvalRun) -> None:
    for number in range(leases.MOST_ATTEMPTS):
        assert leases.take_lead(run_id=run.pk, owner=f"dead {number}")
        EvalRun.objects.filter(pk=run.pk).update(leader_until=timezone.now() - timedelta(seconds=1))
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert "died or broke" in run.reasons[0]


@pytest.mark.django_db(transaction=True)
def test_rendering_may_take_longer_than_a_lease(
    repository: Repository,
    editor: Actor,
    server: ModelServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EVAL_LEASE_SECONDS = 2
    render = Jail.render

    def slowly(jail: Jail, jobs: Sequence[RenderJob]) -> Sequence[object]:
        time.sleep(4)
        return render(jail, jobs)

    monkeypatch.setattr(Jail, "render", slowly)
    repository.with_(cases=24).publish()
    run = started(editor)

    def work() -> None:
        try:
            while again(run).status in EvalRun.LIVE:
                engine.work(run.pk, limits=QUICK)
                time.sleep(0.1)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as workers:
        for worker in [workers.submit(work) for _ in range(3)]:
            worker.result(timeout=60)
    assert again(run).verdict == "PASS"
    assert (len(server.case_calls), set(server.case_calls.values())) == (24, {1})
    assert not WorkItem.objects.filter(run=run).exclude(attempts=1).exists()


@pytest.mark.django_db(transaction=True)
def test_a_run_cancelled_while_it_is_rendered_asks_nothing(
    run: EvalRun, editor: Actor, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = Jail.render

    def cancelled_meanwhile(jail: Jail, jobs: Sequence[RenderJob]) -> Sequence[object]:
        try:
            runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now())
        finally:
            connection.close()
        return render(jail, jobs)

    monkeypatch.setattr(Jail, "render", cancelled_meanwhile)
    engine.work(run.pk, limits=QUICK)
    assert again(run).status == "cancelled"
    assert server.case_calls == {}
    assert not WorkItem.objects.filter(run=run).exclude(attempts=0).exists()
