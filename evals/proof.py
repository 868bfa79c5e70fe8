"""Is it the pinned model that answers? Measured before the first call and after the last one.

Only the run's leader measures. A model that changes in between makes the run an ERROR: its results
are a mixture, and a certificate would name a model that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from core.errors import AssayError
from evals import (
    answer_cache,
    identity,
    judge_proof,
    leases,
    measured,
    probing,
    queries,
    runs,
    timing,
)
from evals.conversation import Conversation
from evals.models import EvalRun
from evals.verdict import SuiteResults
from evals.waiting import LOOK_SECONDS, LeadLostError, awaited
from registry.domain.policy import GatePolicy
from registry.models import ModelVersion
from serving import served
from serving.fingerprint import Comparison, Fingerprint


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker's call: its name on leases, and its line to the model server."""

    owner: str
    talk: Conversation


def begin(run: EvalRun, worker: Worker, meanwhile: Callable[[], object]) -> bool:
    """See to it that the run's fingerprint is measured, by this worker or another one. `meanwhile`
    may be called while it is.

    True when work can start; False when the run is over (aborted with the reason, if the model
    could not be identified) or another worker is still measuring.
    """
    give_up_at = time.monotonic() + settings.EVAL_LEASE_SECONDS
    while True:
        run.refresh_from_db(fields=["status", "fingerprint", "judge_models", "latency"])
        if run.status not in EvalRun.LIVE:
            return False
        if run.fingerprint:
            return True
        if leases.take_lead(run_id=run.pk, owner=worker.owner):
            return _begin_as_leader(run, worker, meanwhile)
        if time.monotonic() > give_up_at:
            return False
        time.sleep(LOOK_SECONDS)


def _begin_as_leader(run: EvalRun, worker: Worker, meanwhile: Callable[[], object]) -> bool:
    """An exception leaves the lead to expire, and its attempt counted."""
    EvalRun.objects.filter(pk=run.pk, status__in=EvalRun.LIVE).update(
        status=EvalRun.Status.RUNNING, started_at=Coalesce("started_at", Now())
    )
    model = ModelVersion.objects.get(pk=run.model_id)
    started = False
    try:
        if blocked := judge_proof.begin(run, worker.owner, worker.talk):
            _abort(run, "; ".join(blocked))
        else:
            if identity.recent(model) is not None:
                started = _begin_as_measured(run, worker)
            started = started or _begin_measuring(run, model, worker, meanwhile)
    except LeadLostError:
        pass
    except identity.UnclearError as error:
        _abort(run, error.message)
    except AssayError as error:
        _abort(run, f"{model.name} could not be measured: {error.message}")
    leases.drop_lead(run_id=run.pk, owner=worker.owner)
    return started


def _begin_measuring(
    run: EvalRun, model: ModelVersion, worker: Worker, meanwhile: Callable[[], object]
) -> bool:
    """Ask the server what it says it serves, then find out what it serves."""
    asking = worker.talk.start(served.ask)
    found = awaited(asking, lambda: _leads(run, worker))
    if otherwise := probing.remember(model, found):
        _abort(run, "; ".join(otherwise))
        return False
    with identity.meeting(model, lambda: _leads(run, worker)) as known:
        return _record(run, _measured(run, worker, known, meanwhile), worker)


def _begin_as_measured(run: EvalRun, worker: Worker) -> bool:
    """Begin with what another run has measured a moment ago; False when there is nothing of the
    kind. The model's row stays untouched, so a measurement does not grow younger by being used.
    """
    with transaction.atomic():
        mine = _live(run, worker).select_for_update(no_key=True)
        if not mine.exists():
            return False
        row = ModelVersion.objects.select_for_update(no_key=True).get(pk=run.model_id)
        known = identity.recent(row)
        if known is None or not identity.has_address_of(run.model, row):
            return False
        run.fingerprint = known.value
        return bool(mine.update(fingerprint=known.value))


def close(run: EvalRun, worker: Worker) -> None:
    """Time what is to be timed, measure the model again and finish the run.

    Nothing happens when another worker leads it. Called when every answer is in; `finalise` looks
    again.
    """
    if not leases.take_lead(run_id=run.pk, owner=worker.owner):
        return
    try:
        slow = timing.measure(run, worker.owner, worker.talk)
        results = cache(partial(_results, run))
        doubts = (*slow, *_doubts(run, worker, results))
        doubts += judge_proof.doubts(run, worker.owner, worker.talk)
    except LeadLostError:
        pass
    else:
        runs.finalise(run_id=run.pk, now=timezone.now(), doubts=doubts, results=results)
        if not doubts:
            answer_cache.keep(run)
    leases.drop_lead(run_id=run.pk, owner=worker.owner)


def _results(run: EvalRun) -> tuple[SuiteResults, ...]:
    """The figures as they are stored now, weighed with the prices of now. The run at hand stays as
    it was: its model's address is compared with the one of now.
    """
    stored = queries.runs().prefetch_related(None).get(pk=run.pk)
    policy = GatePolicy.from_json(stored.policy_spec)
    return measured.results_by_suite(stored, policy, timezone.now())


def _doubts(run: EvalRun, worker: Worker, meanwhile: Callable[[], object]) -> tuple[str, ...]:
    model = ModelVersion.objects.get(pk=run.model_id)
    try:
        # Nothing to ask when another run has found a change, or the probes were replaced.
        known = identity.known(model)
        if _began_with(run, known):
            holds = identity.settled(run.model, _measured(run, worker, known, meanwhile))
            if _began_with(run, holds):
                return ()
    except identity.UnclearError as error:
        return (error.message,)
    except AssayError as error:
        return (f"{model.name} could not be confirmed after the last answer: {error.message}",)
    return (f"{model.name} serves something else since the run began",)


def _began_with(run: EvalRun, fingerprint: Fingerprint | None) -> bool:
    return fingerprint is not None and fingerprint.value == run.fingerprint


def _record(run: EvalRun, found: Comparison, worker: Worker) -> bool:
    """Note what the run is measured with; False when another worker leads it now."""
    with transaction.atomic():
        mine = _live(run, worker).select_for_update(no_key=True)
        if not mine.exists():
            return False
        run.fingerprint = identity.settled(run.model, found).value
        mine.update(fingerprint=run.fingerprint)
    return True


def _live(run: EvalRun, worker: Worker) -> QuerySet[EvalRun]:
    """The run, if this worker leads it and it has no fingerprint yet."""
    return EvalRun.objects.filter(
        pk=run.pk, leader=worker.owner, status__in=EvalRun.LIVE, fingerprint=""
    )


def _abort(run: EvalRun, reason: str) -> None:
    runs.abort_run(run_id=run.pk, reason=reason, now=timezone.now())


def _measured(
    run: EvalRun, worker: Worker, known: Fingerprint | None, meanwhile: Callable[[], object]
) -> Comparison:
    """Compare with `known`, as long as this worker leads the run."""
    leads = partial(_leads, run, worker)
    return identity.measured(worker.talk, known, leads, meanwhile=meanwhile)


def _leads(run: EvalRun, worker: Worker) -> bool:
    return leases.renew_lead(run_id=run.pk, owner=worker.owner)


def is_given_up(run: EvalRun) -> bool:
    """Abort a run whose leaders break again and again; True when it was."""
    if run.lead_attempts < leases.MOST_ATTEMPTS or queries.is_led(run.pk):
        return False
    _abort(run, f"{run.lead_attempts} workers in a row died or broke while measuring the model")
    return True
