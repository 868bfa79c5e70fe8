"""Is it the pinned model that answers? Measured before the first call and after the last one.

Only the run's leader measures. A model that changes in between makes the run an ERROR: its results
are a mixture, and a certificate would name a model that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from core.errors import AssayError, UnavailableError
from evals import answer_cache, judges, leases, queries, runs, timing
from evals.conversation import Conversation
from evals.models import EvalRun
from evals.waiting import LOOK_SECONDS, LeadLostError, awaited
from registry import certificates
from registry.models import ModelVersion
from serving.client import ModelClient
from serving.fingerprint import Comparison, Fingerprint, confirm, is_same, measure

_ADDRESS = ("base_url", "base_url_env")
#: So old may a measurement be and still count as the one before the first call. The one after the
#: last call is always made.
_RECENT = timedelta(seconds=30)
#: Of those that fooled a judge, in one sentence.
_TOLD_CANARIES = 3


class AddressChangedError(UnavailableError):
    """Its address was changed while it was measured."""

    code = "address_changed"
    hint = "evaluate again"


class _UnclearError(Exception):
    """The server does not agree with itself, or with what another run found a moment ago."""


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
        time.sleep(LOOK_SECONDS)


def _begin_as_leader(run: EvalRun, worker: Worker) -> bool:
    """An exception leaves the lead to expire, and its attempt counted."""
    EvalRun.objects.filter(pk=run.pk, status__in=EvalRun.LIVE).update(
        status=EvalRun.Status.RUNNING, started_at=Coalesce("started_at", Now())
    )
    model = ModelVersion.objects.get(pk=run.model_id)
    started = False
    try:
        if blocked := tuple(_blocked_judges(run, worker)):
            _abort(run, "; ".join(blocked))
        else:
            started = _begin_as_measured(run, worker) or _record(
                run, _measured(run, worker, _known(model)), worker
            )
    except LeadLostError:
        pass
    except _UnclearError:
        _abort(run, _does_not_agree(model))
    except AssayError as error:
        _abort(run, f"{model.name} could not be measured: {error.message}")
    leases.drop_lead(run_id=run.pk, owner=worker.owner)
    return started


def _blocked_judges(run: EvalRun, worker: Worker) -> Iterator[str]:
    """Why the judges of the run's suites must not judge, or could not be put to the test."""

    def keep() -> None:
        if not leases.renew_lead(run_id=run.pk, owner=worker.owner):
            raise LeadLostError

    for suite in queries.suites_of(run).values():
        for name, judge in suite.judges.items():
            called = f"{suite.name}/{name}"
            try:
                reasons = judges.why_blocked(called, judge, worker.talk, keep)
            except AssayError as error:
                yield f"the judge {called} could not be put to the test: {error.message}"
                continue
            if reasons:
                more = len(reasons) - _TOLD_CANARIES
                told = "; ".join(reasons[:_TOLD_CANARIES])
                yield f"{called} is blocked: {told}" + (f"; and {more} more" if more > 0 else "")


def _begin_as_measured(run: EvalRun, worker: Worker) -> bool:
    """Begin with what another run has measured a moment ago; False when there is nothing of the
    kind. The model's row stays untouched, so a measurement does not grow younger by being used.
    """
    with transaction.atomic():
        mine = _live(run, worker).select_for_update(no_key=True)
        if not mine.exists():
            return False
        row = ModelVersion.objects.select_for_update(no_key=True).get(pk=run.model_id)
        known = _known(row)
        if row.fingerprint_at is None or row.fingerprint_at < timezone.now() - _RECENT:
            return False
        if known is None or not _same_address(run, row):
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
        doubts = (*slow, *_doubts(run, worker))
    except LeadLostError:
        pass
    else:
        runs.finalise(run_id=run.pk, now=timezone.now(), doubts=doubts)
        if not doubts:
            answer_cache.keep(run)
    leases.drop_lead(run_id=run.pk, owner=worker.owner)


def _doubts(run: EvalRun, worker: Worker) -> tuple[str, ...]:
    model = ModelVersion.objects.get(pk=run.model_id)
    try:
        # Nothing to ask when another run has found a change, or the probes were replaced.
        if _began_with(run, _known(model)):
            holds = _settled(run, _measured(run, worker, _known(model)))
            if _began_with(run, holds):
                return ()
    except _UnclearError:
        return (_does_not_agree(model),)
    except AssayError as error:
        return (f"{model.name} could not be confirmed after the last answer: {error.message}",)
    return (f"{model.name} serves something else since the run began",)


def _began_with(run: EvalRun, fingerprint: Fingerprint | None) -> bool:
    return fingerprint is not None and fingerprint.value == run.fingerprint


def _does_not_agree(model: ModelVersion) -> str:
    return f"{model.name} answers the same questions differently: cannot tell which model it is"


def _known(model: ModelVersion) -> Fingerprint | None:
    """What later measurements can be compared with; None when nothing comparable is stored."""
    return Fingerprint.stored(model.fingerprint, model.fingerprint_mode, model.fingerprint_detail)


def _record(run: EvalRun, found: Comparison, worker: Worker) -> bool:
    """Note what the run is measured with; False when another worker leads it now."""
    with transaction.atomic():
        mine = _live(run, worker).select_for_update(no_key=True)
        if not mine.exists():
            return False
        run.fingerprint = _settled(run, found).value
        mine.update(fingerprint=run.fingerprint)
    return True


def _live(run: EvalRun, worker: Worker) -> QuerySet[EvalRun]:
    """The run, if this worker leads it and it has no fingerprint yet."""
    return EvalRun.objects.filter(
        pk=run.pk, leader=worker.owner, status__in=EvalRun.LIVE, fingerprint=""
    )


def _same_address(run: EvalRun, row: ModelVersion) -> bool:
    return all(row.pin.get(key) == run.model.pin.get(key) for key in _ADDRESS)


def _settled(run: EvalRun, found: Comparison) -> Fingerprint:
    """Store what was found and return the fingerprint that holds now.

    Two runs may meet a new model at once. Their measurements differ a little, but both are of one
    model, so the first one recorded names it. Raises _UnclearError, and AddressChangedError when a
    sync has pointed the pin elsewhere since this worker read it.
    """
    if found.state == "cannot tell":
        raise _UnclearError
    with transaction.atomic():
        # Without `no_key` a rollback, whose entry refers to the model, would wait for this.
        row = ModelVersion.objects.select_for_update(no_key=True).get(pk=run.model_id)
        if not _same_address(run, row):
            raise AddressChangedError
        stored, holds = _known(row), found.fingerprint
        if stored is not None and stored != found.known:
            if not is_same(stored, holds):
                raise _UnclearError
            holds = stored
        certificates.record_fingerprint(
            model=row,
            fingerprint=holds.value,
            mode=holds.kind,
            detail=holds.detail_json(),
            now=timezone.now(),
        )
    return holds


def _abort(run: EvalRun, reason: str) -> None:
    runs.abort_run(run_id=run.pk, reason=reason, now=timezone.now())


def _measured(run: EvalRun, worker: Worker, known: Fingerprint | None) -> Comparison:
    """Compare with `known`; a first measurement has nothing to differ from."""

    async def identify(client: ModelClient) -> Comparison:
        if known is None:
            return Comparison("changed", await measure(client))
        return await confirm(client, known)

    asking = worker.talk.start(identify)
    return awaited(asking, lambda: leases.renew_lead(run_id=run.pk, owner=worker.owner))


def is_given_up(run: EvalRun) -> bool:
    """Abort a run whose leaders break again and again; True when it was."""
    if run.lead_attempts < leases.MOST_ATTEMPTS or queries.is_led(run.pk):
        return False
    _abort(run, f"{run.lead_attempts} workers in a row died or broke while measuring the model")
    return True
