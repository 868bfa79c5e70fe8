"""Calibrations: a judge beside people who have labelled the same answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from core.errors import AssayError
from evals import jobs, trials
from evals.conversation import Conversation, Patience
from evals.domain.judge.labels import LabelledAnswer
from evals.domain.judge.spec import JudgeSpec
from evals.domain.judge_trial import run_calibration
from evals.domain.suite import SuiteSpec
from evals.errors import JudgeSilentError, JudgeUnknownError, LabelsMissingError
from evals.judges.asking import Keep, confirmed, ready
from evals.judges.canaries import why_blocked
from evals.judges.standing import sees
from evals.jury import endpoint_at, nonce
from evals.models import JudgeTrial, LabelSet, Suite
from registry import drift
from registry import queries as registry_queries
from registry.domain.actor import Actor, Scope

#: A calibration that says nothing for so long is taken for dead.
_TERM = timedelta(minutes=2)
#: No calibration takes longer; below the time that a task may take.
_LONGEST_SECONDS = 1500.0

_log = logging.getLogger(__name__)


def start_calibration(
    *, suite: str, judge: str, actor: Actor, now: datetime, fresh: bool = False
) -> JudgeTrial:
    """Have a suite's judge judge what people have labelled, and ring for a worker.

    What was measured already, of this judge by these labels, is the answer, unless `fresh`. Raises
    NotAllowedError, JudgeUnknownError, LabelsMissingError, ModelUnknownError.
    """
    actor.require(Scope.EVALUATE)
    with transaction.atomic():
        spec = _judge(suite, judge, actor)
        if not LabelSet.objects.filter(digest=spec.calibration).exists():
            raise LabelsMissingError(
                f"nobody has labelled answers by the rubric {spec.rubric.name}",
                hint=f"write calibration/{spec.rubric.name}.jsonl and sync",
            )
        known = None if fresh else trials.newest_calibration(spec)
        if known is not None:
            return known
        model = registry_queries.current_model(spec.model.name)
        trial = JudgeTrial.objects.create(
            kind=JudgeTrial.Kind.CALIBRATION,
            judge=spec.identity,
            labels=spec.calibration,
            spec=trials.spec_of(spec, model),
            name=f"{suite}/{judge}",
            model=model,
            requested_by=actor.name,
            created_at=now,
        )
        jobs.calibrate_after_commit(trial.pk)
    return trial


def _judge(suite: str, name: str, actor: Actor) -> JudgeSpec:
    row = Suite.objects.filter(name=suite, is_current=True).first()
    judges = SuiteSpec.from_json(row.spec).judges if row and sees(actor, suite) else {}
    if name not in judges:
        known = ", ".join(sorted(judges)) or "none"
        raise JudgeUnknownError(f"the suite {suite!r} has no judge {name!r}; it has {known}")
    return judges[name]


def calibrate(trial_id: UUID, patience: Patience | None = None) -> None:
    """Do a calibration that waits. Safe twice: what is finished stays as it is."""
    waiting = JudgeTrial.objects.select_related("model").filter(
        pk=trial_id, status=JudgeTrial.Status.QUEUED
    )
    free = waiting.filter(Q(leased_until=None) | Q(leased_until__lte=Now()))
    if not free.update(leased_until=Now() + _TERM):
        return
    row = waiting.get()
    fingerprint, error = "", ""
    outcome: dict[str, Any] = {}
    try:
        fingerprint, outcome = _measured(row, patience or Patience(), _renewing(waiting))
    except AssayError as failed:
        error = failed.message
        _log.warning("calibration %s failed: %s", trial_id, failed.message)
    except Exception:
        # A bug does not go away by asking the judge again, and every try is paid for.
        _finish(waiting, error="the calibration broke; the worker's log says where")
        raise
    with transaction.atomic():
        _finish(waiting, outcome=outcome, fingerprint=fingerprint, error=error)
        if not error:
            # A judge that nothing live rests on: its own proof is all there is to renew.
            drift.settle(model=row.model, now=timezone.now())


def _finish(
    waiting: QuerySet[JudgeTrial],
    *,
    outcome: Mapping[str, Any] | None = None,
    fingerprint: str = "",
    error: str = "",
) -> None:
    waiting.update(
        status=JudgeTrial.Status.FAILED if error else JudgeTrial.Status.FINISHED,
        outcome=outcome or {},
        fingerprint=fingerprint,
        error=error,
        finished_at=timezone.now(),
    )


def _renewing(waiting: QuerySet[JudgeTrial]) -> Keep:
    end = time.monotonic() + _LONGEST_SECONDS

    def keep() -> None:
        if time.monotonic() > end:
            raise JudgeSilentError(f"the judge was not done after {_LONGEST_SECONDS:g} seconds")
        waiting.update(leased_until=Now() + _TERM)

    return keep


def _measured(row: JudgeTrial, patience: Patience, keep: Keep) -> tuple[str, dict[str, Any]]:
    judge = JudgeSpec.from_json(row.spec)
    labels = LabelSet.objects.get(digest=row.labels)
    rows = [LabelledAnswer(**one) for one in labels.rows]
    endpoint = endpoint_at(judge.model.name, judge.model.digest)
    with Conversation(endpoint, patience) as talk:
        why_blocked(row.name, judge, talk, keep)  # nobody hears "trusted" of one that is fooled
        seat, ask = ready(judge, talk, keep)
        fingerprint, found = confirmed(
            row.model, talk, keep, lambda: run_calibration(seat, rows, ask, nonce)
        )
    return fingerprint, found.to_json()
