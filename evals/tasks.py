"""Celery entry points: ids in, one service call, safe twice."""

from __future__ import annotations

import logging
import sys
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_process_init
from django.conf import settings
from django.utils import timezone

from evals import commit_checks, engine, jobs, judges, probing, pruning, queries
from evals.export import service
from registry import queries as registry_queries
from registry.rendering import keep_one_ready

_log = logging.getLogger(__name__)
_SWITCH_SECONDS = 0.0005


@worker_process_init.connect
def _get_ready(**_: Any) -> None:
    """The model should not wait while the first jail is started, nor while one thread of a run
    computes on and the one that talks to the model waits for the interpreter: 5 ms by default.
    """
    keep_one_ready()
    sys.setswitchinterval(_SWITCH_SECONDS)


@shared_task(name=jobs.WORK)
def work(run_id: str) -> None:
    """Work on a run. What is not done when the time is over is done by the next call."""
    try:
        engine.work(UUID(run_id))
    except SoftTimeLimitExceeded:
        _log.warning("run %s took too long in one call; its leases are given back", run_id)
        jobs.wake(UUID(run_id))


@shared_task(name=jobs.CALIBRATE)
def calibrate(trial_id: str) -> None:
    """Measure a judge against human labels."""
    judges.calibrate(UUID(trial_id))


@shared_task(name=jobs.SWEEP)
def sweep() -> None:
    """Ring for every live run nobody works on: leases that expired, bells that were lost, runs
    that only wait to be finished.
    """
    for run_id in queries.runs_nobody_works_on():
        # A worker that is busy until the next sweep finds one bell, not a pile of them.
        jobs.wake(run_id, expires_seconds=settings.EVAL_SWEEP_SECONDS)
    for trial_id in queries.trials_nobody_works_on():
        jobs.calibrate(trial_id, expires_seconds=settings.EVAL_SWEEP_SECONDS)
    for check_id in queries.checks_to_work_on():
        jobs.check(check_id, expires_seconds=settings.EVAL_SWEEP_SECONDS)


@shared_task(name=jobs.CHECK)
def check(check_id: str) -> None:
    """Go on with the check of a commit."""
    commit_checks.advance(UUID(check_id))


@shared_task(name=jobs.EXPORT)
def export(run_id: str, number: int = 1) -> None:
    """Export a finished run to Langfuse, for the `number`-th time; what fails is tried again."""
    run = UUID(run_id)
    if service.is_wanted(run) and not service.export_run(run):
        jobs.export_again(run, number)


@shared_task(name=jobs.TIDY)
def tidy() -> None:
    """Drop answers and checks that were kept for long enough."""
    pruning.prune_kept_answers(now=timezone.now())
    commit_checks.prune_checks(now=timezone.now())


@shared_task(name=jobs.PROBE_ALL)
def probe_all() -> None:
    """Ring for a look at every model's server: one that hangs holds up no other."""
    for model in registry_queries.models():
        jobs.probe(model.pk, expires_seconds=settings.MODEL_PROBE_SECONDS)


@shared_task(name=jobs.PROBE)
def probe(model_id: int, with_fingerprint: bool | None = None) -> None:
    """Look at a model's server."""
    probing.probe_by_id(model_id, with_fingerprint=with_fingerprint)
