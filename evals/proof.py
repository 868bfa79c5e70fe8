"""Is it the pinned model that answers? Measured before the first call and after the last one.

Only the run's leader measures. A model that changes in between makes the run an ERROR: its results
are a mixture, and a certificate would name a model that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from core.errors import AssayError
from evals import leases, queries, runs
from evals.conversation import Conversation
from evals.models import EvalRun
from registry import certificates
from registry.models import ModelVersion
from serving.client import ModelClient
from serving.fingerprint import MODE, VERSION, Comparison, confirm, measure

T = TypeVar("T")

#: Stored beside the value: values of another mode or version cannot be compared with new ones.
FINGERPRINT_MODE = f"{MODE}/{VERSION}"
_LOOK_SECONDS = 0.5


class LeadLostError(Exception):
    """The run was cancelled, or another worker leads it now."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker's call: its name on leases, and its line to the model server."""

    owner: str
    talk: Conversation


def begin(run: EvalRun, worker: Worker) -> bool:
    """See to it that the run's fingerprint is measured, by this worker or another one.

    True when work can start; False when the run is over (aborted with the reason, if the model
    could not be identified) or another worker is still measuring.
    """
    give_up_at = time.monotonic() + settings.EVAL_LEASE_SECONDS
    while True:
        run.refresh_from_db(fields=["status", "fingerprint"])
        if run.status not in EvalRun.LIVE:
            return False
        if run.fingerprint:
            return True
        if leases.take_lead(run_id=run.pk, owner=worker.owner):
            return _begin_as_leader(run, worker)
        if time.monotonic() > give_up_at:
            return False
        time.sleep(_LOOK_SECONDS)


def _begin_as_leader(run: EvalRun, worker: Worker) -> bool:
    """An exception leaves the lead to expire, and its attempt counted."""
    EvalRun.objects.filter(pk=run.pk, status__in=EvalRun.LIVE).update(
        status=EvalRun.Status.RUNNING, started_at=Coalesce("started_at", Now())
    )
    model = ModelVersion.objects.get(pk=run.model_id)
    known = model.fingerprint if model.fingerprint_mode == FINGERPRINT_MODE else ""
    started = False
    try:
        comparison = _measured(run, worker, known)
    except LeadLostError:
        pass
    except AssayError as error:
        _abort(run, f"{model.name} could not be measured: {error.message}")
    else:
        if comparison.state == "cannot tell":
            _abort(run, _does_not_agree(model))
        else:
            started = _record(run, model, comparison.measured.value, worker)
    leases.drop_lead(run_id=run.pk, owner=worker.owner)
    return started


def close(run: EvalRun, worker: Worker) -> None:
    """Measure again and finish the run. Nothing happens when another worker leads it.

    Called when every answer is in; `finalise` looks again.
    """
    if not leases.take_lead(run_id=run.pk, owner=worker.owner):
        return
    try:
        doubts = _doubts(run, worker)
    except LeadLostError:
        pass
    else:
        runs.finalise(run_id=run.pk, now=timezone.now(), doubts=doubts)
    leases.drop_lead(run_id=run.pk, owner=worker.owner)


def _doubts(run: EvalRun, worker: Worker) -> tuple[str, ...]:
    model = ModelVersion.objects.get(pk=run.model_id)
    try:
        comparison = _measured(run, worker, run.fingerprint)
    except AssayError as error:
        return (f"{model.name} could not be confirmed after the last answer: {error.message}",)
    if comparison.state == "same":
        return ()
    if comparison.state == "cannot tell":
        return (_does_not_agree(model),)
    certificates.record_fingerprint(
        model=model,
        fingerprint=comparison.measured.value,
        mode=FINGERPRINT_MODE,
        now=timezone.now(),
    )
    return (f"{model.name} serves something else since the run began",)


def _does_not_agree(model: ModelVersion) -> str:
    return f"{model.name} answers the same questions differently: cannot tell which model it is"


def _record(run: EvalRun, model: ModelVersion, fingerprint: str, worker: Worker) -> bool:
    with transaction.atomic():
        mine = EvalRun.objects.filter(
            pk=run.pk, leader=worker.owner, status__in=EvalRun.LIVE, fingerprint=""
        ).update(fingerprint=fingerprint)
        if mine:
            certificates.record_fingerprint(
                model=model, fingerprint=fingerprint, mode=FINGERPRINT_MODE, now=timezone.now()
            )
    run.fingerprint = fingerprint
    return bool(mine)


def _abort(run: EvalRun, reason: str) -> None:
    runs.abort_run(run_id=run.pk, reason=reason, now=timezone.now())


def _measured(run: EvalRun, worker: Worker, known: str) -> Comparison:
    """Compare with `known`; a first measurement has nothing to differ from."""

    async def identify(client: ModelClient) -> Comparison:
        return await confirm(client, known) if known else Comparison("same", await measure(client))

    asking = worker.talk.start(identify)
    return _awaited(asking, lambda: leases.renew_lead(run_id=run.pk, owner=worker.owner))


def _awaited(future: Future[T], still_ours: Callable[[], bool]) -> T:
    """The future's result, looking every half second whether it is still wanted."""
    while True:
        try:
            return future.result(timeout=_LOOK_SECONDS)
        except TimeoutError:
            if future.done():
                raise
            if not still_ours():
                future.cancel()
                raise LeadLostError from None
        except CancelledError:
            raise LeadLostError from None


def is_given_up(run: EvalRun) -> bool:
    """Abort a run whose leaders break again and again; True when it was."""
    if run.lead_attempts < leases.MOST_ATTEMPTS or queries.is_led(run.pk):
        return False
    _abort(run, f"{run.lead_attempts} workers in a row died or broke while measuring the model")
    return True
