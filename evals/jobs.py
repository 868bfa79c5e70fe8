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
CALIBRATE = "evals.calibrate"

#: The queue of what is no evaluation.
_OTHER_WORK = "assay"

_log = logging.getLogger(__name__)


def calibrate_after_commit(trial_id: UUID) -> None:
    """Ring for a judge's trial once the caller's transaction is committed."""
    transaction.on_commit(partial(calibrate, trial_id))


def calibrate(trial_id: UUID, *, expires_seconds: float | None = None) -> None:
    """Ring for a judge's trial now."""
    _ring(CALIBRATE, trial_id, expires_seconds)


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


def export_after_commit(run_id: UUID) -> None:
    """Have a finished run exported once the caller's transaction is committed, if anybody wants
    it. A broker that is down costs the export, never the run.
    """
    if settings.LANGFUSE_BASE_URL:
        transaction.on_commit(partial(_export, run_id))


def _export(run_id: UUID) -> None:
    try:
        # Not among the evaluations: nobody's run waits for a slow Langfuse.
        current_app.send_task(EXPORT, args=[str(run_id)], queue=_OTHER_WORK)
    except OperationalError as error:
        _log.warning("run %s is not exported, no broker: %s", run_id, type(error).__name__)
