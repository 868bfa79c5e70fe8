"""Work sent by name after commit. A message is a bell: the work itself is in PostgreSQL."""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

WORK = "evals.work"
SWEEP = "evals.sweep"
EXPORT = "evals.export"
CHECK = "evals.check"
CALIBRATE = "evals.calibrate"
TIDY = "evals.tidy"
PROBE = "evals.probe"
PROBE_ALL = "evals.probe_all"

#: Exports of one run before it is left alone, and the seconds before the second: four times as many
#: before each further one. All waits stay below the hour after which a broker gives a message to
#: somebody else.
EXPORT_TRIES = 5
_EXPORT_WAIT_SECONDS = 30

#: The queue of what is no evaluation.
_OTHER_WORK = "assay"

_log = logging.getLogger(__name__)


def calibrate_after_commit(trial_id: UUID) -> None:
    """Ring for a judge's trial once the caller's transaction is committed."""
    transaction.on_commit(partial(calibrate, trial_id))


def calibrate(trial_id: UUID, *, expires_seconds: float | None = None) -> None:
    """Ring for a judge's trial now."""
    _ring(CALIBRATE, trial_id, expires_seconds)


def check_after_commit(check_id: UUID) -> None:
    """Ring for a check of a commit once the caller's transaction is committed."""
    transaction.on_commit(partial(check, check_id))


def check(check_id: UUID, *, expires_seconds: float | None = None) -> None:
    """Ring for a check of a commit now."""
    try:
        # Not among the evaluations: it reads a repository, and a long run must not keep it waiting.
        current_app.send_task(
            CHECK, args=[str(check_id)], queue=_OTHER_WORK, expires=expires_seconds
        )
    except OperationalError as error:
        _log.warning("no broker to ring check %s: %s", check_id, type(error).__name__)


def wake_after_commit(run_id: UUID) -> None:
    """Ring for a run once the caller's transaction is committed."""
    transaction.on_commit(partial(wake, run_id))


def wake(run_id: UUID, *, expires_seconds: float | None = None) -> None:
    """Ring for a run now. A broker that is down costs time only: the sweeper rings again."""
    _ring(WORK, run_id, expires_seconds)


def _ring(task: str, row: UUID, expires_seconds: float | None) -> None:
    try:
        current_app.send_task(task, args=[str(row)], expires=expires_seconds)
    except OperationalError as error:
        _log.warning("no broker to ring %s for %s: %s", task, row, type(error).__name__)


def probe(model_id: int, *, with_fingerprint: bool | None = None, expires_seconds: float) -> None:
    """Ring for a look at a model's server; `with_fingerprint` None: when it is due."""
    try:
        current_app.send_task(
            PROBE, args=[model_id, with_fingerprint], queue=_OTHER_WORK, expires=expires_seconds
        )
    except OperationalError as error:
        _log.warning("no broker to ring a look at model %s: %s", model_id, type(error).__name__)


def export_after_commit(run_id: UUID) -> None:
    """Have a finished run exported once the caller's transaction is committed, if anybody wants
    it. A broker that is down costs the export, never the run.
    """
    if settings.LANGFUSE_BASE_URL:
        transaction.on_commit(partial(_export, run_id, 1, 0))


def export_again(run_id: UUID, tries: int) -> None:
    """Have an export that failed tried again later; after `EXPORT_TRIES` it is given up."""
    if tries >= EXPORT_TRIES:
        _log.warning("run %s is not exported after %d tries", run_id, tries)
        return
    _export(run_id, tries + 1, _EXPORT_WAIT_SECONDS * 4 ** (tries - 1))


def _export(run_id: UUID, number: int, wait_seconds: int) -> None:
    try:
        # Not among the evaluations: nobody's run waits for a slow Langfuse.
        args = [str(run_id), number]
        current_app.send_task(EXPORT, args=args, queue=_OTHER_WORK, countdown=wait_seconds)
    except OperationalError as error:
        _log.warning("run %s is not exported, no broker: %s", run_id, type(error).__name__)
