"""Work sent by name after commit. A message is a bell: the work itself is in PostgreSQL."""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

WORK = "evals.work"
SWEEP = "evals.sweep"
CALIBRATE = "evals.calibrate"

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
