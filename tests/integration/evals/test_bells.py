"""Bells may be lost, doubled or late; the sweeper rings for every run nobody works on."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from celery import Celery
from django.utils import timezone

from config.celery import app
from evals import jobs, leases, queries, runs, tasks
from evals.models import EvalRun, WorkItem
from registry.domain.actor import Actor
from tests.integration.evals.conftest import Repository, again, started


@pytest.fixture
def run(repository: Repository, editor: Actor) -> EvalRun:
    repository.publish()
    return started(editor)


@pytest.fixture
def no_broker(tmp_path: object) -> object:
    """An app whose broker does not answer."""
    lost = Celery("lost", broker=f"redis+socket://{tmp_path}/nobody.sock", set_as_current=False)
    lost.conf.update(task_publish_retry=False, broker_transport_options={"max_retries": 0})
    lost.set_current()
    yield lost
    app.set_current()


def test_a_run_nobody_works_on_is_rung_for(run: EvalRun) -> None:
    assert queries.runs_nobody_works_on() == [run.pk]
    leases.lease_chunk(run_id=run.pk, owner="a", size=1)
    assert queries.runs_nobody_works_on() == []
    past = timezone.now() - timedelta(seconds=1)
    WorkItem.objects.filter(run=run, owner="a").update(leased_until=past)
    assert queries.runs_nobody_works_on() == [run.pk]
    leases.take_lead(run_id=run.pk, owner="b")
    assert queries.runs_nobody_works_on() == []


def test_a_cancelled_or_finished_run_is_left_alone(run: EvalRun, editor: Actor) -> None:
    runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now())
    assert queries.runs_nobody_works_on() == []
    tasks.work(str(run.pk))
    assert again(run).done == 0
    runs.resume_run(run_id=run.pk, actor=editor, now=timezone.now())
    runs.abort_run(run_id=run.pk, reason="enough", now=timezone.now())
    assert queries.runs_nobody_works_on() == []


def test_a_bell_for_a_run_that_does_not_exist_is_nothing(db: None) -> None:
    tasks.work(str(uuid.uuid4()))


def test_the_broker_may_be_down(
    run: EvalRun, no_broker: Celery, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.wake(run.pk)
    tasks.sweep()
    assert caplog.text.count("no broker") == 2


@pytest.mark.django_db(transaction=True)
def test_a_bell_is_a_message_on_the_queue_of_evaluation(run: EvalRun) -> None:
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("assay.evals")
        rung = [queue.get(timeout=30)]
        while rung[-1].headers["id"] and str(run.pk) not in str(rung[-1].payload):
            rung.append(queue.get(timeout=30))
        assert rung[-1].headers["task"] == "evals.work"
        queue.close()
