"""Put judges to the test, and say how far they are to be trusted.

Two questions about a judge, each answered once for its identity (prompt, rubric, pinned model,
samples, temperature): does it pass canaries that no judge may pass (then it is blocked), and how
well does it agree with people (then it counts, or is advisory)?
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from core.errors import AssayError, UnavailableError
from evals import identity, jobs, trials
from evals.conversation import Conversation, Patience
from evals.domain.checks.remote import Question, Reply
from evals.domain.judge.calibration import Calibration, Trust, is_trusted
from evals.domain.judge.canaries import CanaryResult, judge_canaries
from evals.domain.judge.labels import LabelledAnswer
from evals.domain.judge.spec import JudgeSpec
from evals.domain.judge_trial import Ask, run_calibration, run_canaries
from evals.domain.suite import SuiteSpec
from evals.errors import JudgeChangedError, JudgeSilentError, JudgeUnknownError, LabelsMissingError
from evals.jury import endpoint_at, nonce, put_all, seated
from evals.models import JudgeTrial, LabelSet, Suite
from registry import queries as registry_queries
from registry.domain.actor import Actor, Scope
from registry.domain.policy import JudgeFloor
from registry.models import ModelVersion, Prompt

#: A calibration that says nothing for so long is taken for dead.
_TERM = timedelta(minutes=2)
#: No calibration takes longer; below the time that a task may take.
_LONGEST_SECONDS = 1500.0
Keep = Callable[[], None]
T = TypeVar("T")

_log = logging.getLogger(__name__)


def why_blocked(name: str, judge: JudgeSpec, talk: Conversation, keep: Keep) -> tuple[str, ...]:
    """Why this judge must not judge at all; the canaries are put to it the first time.

    `name` is `suite/judge`; `keep` is called while it thinks. Raises AssayError kinds when the
    judge cannot be asked: then nothing is known of it.
    """
    known = trials.known_canaries(judge)
    return judge_canaries(_try_canaries(name, judge, talk, keep) if known is None else known)


def _try_canaries(
    name: str, judge: JudgeSpec, talk: Conversation, keep: Keep
) -> tuple[CanaryResult, ...]:
    model = registry_queries.current_model(judge.model.name)
    ready, ask = _ready(judge, talk, keep)
    fingerprint, results = _confirmed(model, talk, keep, lambda: run_canaries(ready, ask, nonce))
    now = timezone.now()
    JudgeTrial.objects.create(
        kind=JudgeTrial.Kind.CANARIES,
        status=JudgeTrial.Status.FINISHED,
        judge=judge.identity,
        spec=trials.spec_of(judge, model),
        name=name,
        model=model,
        fingerprint=fingerprint,
        outcome={"canaries": [asdict(result) for result in results]},
        requested_by="system:evaluation",
        created_at=now,
        finished_at=now,
    )
    return results


def _confirmed(
    model: ModelVersion, talk: Conversation, keep: Keep, put: Callable[[], T]
) -> tuple[str, T]:
    """The fingerprint of what answered, the same before and after, and what it said.

    Raises JudgeChangedError when it is not the same.
    """

    def still_ours() -> bool:
        keep()
        return True

    before = identity.identify(model, talk, still_ours, is_last=False)
    said = put()
    if identity.identify(model, talk, still_ours, is_last=True) != before:
        raise JudgeChangedError(f"{model.name} serves something else since its trial began")
    return before, said


def _ready(judge: JudgeSpec, talk: Conversation, keep: Keep) -> tuple[JudgeSpec, Ask]:
    """The judge, seated, and how to ask it."""
    endpoint = endpoint_at(judge.model.name, judge.model.digest)
    [ready] = seated([judge])

    def ask(questions: Sequence[Question]) -> list[Reply | AssayError]:
        replies = put_all(talk, questions, endpoint, keep)
        _refuse_silence(replies)
        return replies

    return ready, ask


def _refuse_silence(replies: Sequence[Reply | AssayError]) -> None:
    """A server that is down, or refuses every question, has shown nothing about its judge."""
    lost = [reply for reply in replies if isinstance(reply, AssayError)]
    down = [error for error in lost if isinstance(error, UnavailableError)]
    if down or (lost and len(lost) == len(replies)):
        first = (down or lost)[0]
        raise JudgeSilentError(first.message, hint=first.hint)


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
    judges = SuiteSpec.from_json(row.spec).judges if row and _sees(actor, suite) else {}
    if name not in judges:
        known = ", ".join(sorted(judges)) or "none"
        raise JudgeUnknownError(f"the suite {suite!r} has no judge {name!r}; it has {known}")
    return judges[name]


def trial(trial_id: UUID) -> JudgeTrial:
    """One trial. Raises JudgeUnknownError."""
    found = JudgeTrial.objects.select_related("model").filter(pk=trial_id).first()
    if found is None:
        raise JudgeUnknownError(f"there is no trial {trial_id}")
    return found


def trial_for(actor: Actor, trial_id: UUID) -> JudgeTrial:
    """One trial of a suite within the actor's globs. Raises JudgeUnknownError for both reasons: an
    id must not tell whether there is something to hide.
    """
    found = trial(trial_id)
    if not _sees(actor, found.suite):
        raise JudgeUnknownError(f"there is no trial {trial_id}")
    return found


def trust_in(found: JudgeTrial) -> Trust | None:
    """Whether a finished calibration reaches the floor of a usual policy; None for other trials."""
    if found.kind != JudgeTrial.Kind.CALIBRATION or found.status != JudgeTrial.Status.FINISHED:
        return None
    judge = JudgeSpec.from_json(found.spec)
    if not trials.holds(found, judge):
        what = "served by something else, or elsewhere, since it was measured"
        return Trust(False, f"{judge.model.name} is {what}: advisory")
    if blocked := judge_canaries(trials.known_canaries(judge) or ()):
        return _blocked(blocked)
    return is_trusted(judge, Calibration.from_json(found.outcome), JudgeFloor())


def _usual_trust(judge: JudgeSpec, blocked: tuple[str, ...]) -> Trust:
    """Under the floor of a policy that says nothing about judges."""
    return _blocked(blocked) if blocked else trials.standing(judge, JudgeFloor())


def _blocked(reasons: tuple[str, ...]) -> Trust:
    return Trust(False, f"blocked, whatever people say of it: {reasons[0]}")


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
    _finish(waiting, outcome=outcome, fingerprint=fingerprint, error=error)


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
        ready, ask = _ready(judge, talk, keep)
        fingerprint, found = _confirmed(
            row.model, talk, keep, lambda: run_calibration(ready, rows, ask, nonce)
        )
    return fingerprint, found.to_json()


@dataclass(frozen=True, slots=True)
class Listed:
    """A judge of a suite as it stands. `canaries` None: they were not put to it yet; `calibration`
    None: nobody has measured it by its labels. `trust` is under the floor of a usual policy.
    """

    suite: str
    name: str
    judge: JudgeSpec
    calibration: JudgeTrial | None
    trust: Trust
    canaries: tuple[CanaryResult, ...] | None

    @property
    def blocked(self) -> tuple[str, ...]:
        """Why it must not judge at all, a sentence each; mostly empty."""
        return judge_canaries(self.canaries or ())


def listed(actor: Actor) -> tuple[Listed, ...]:
    """The judges of the current suites, those within the actor's globs."""
    rows = Suite.objects.filter(is_current=True, spec__judges__isnull=False).order_by("name")
    return tuple(
        _listed(suite, name, JudgeSpec.from_json(spec))
        for suite, judges in rows.values_list("name", "spec__judges")
        if _sees(actor, suite)
        for name, spec in sorted(judges.items())
    )


def _listed(suite: str, name: str, judge: JudgeSpec) -> Listed:
    trial = trials.newest_calibration(judge)
    canaries = trials.known_canaries(judge)
    trust = _usual_trust(judge, judge_canaries(canaries or ()))
    return Listed(suite, name, judge, trial, trust, canaries)


def _sees(actor: Actor, suite: str) -> bool:
    """Whether one of the actor's prompts is measured by the suite."""
    if not actor.prompts:
        return True
    users = Prompt.objects.filter(suites__contains=[suite]).values_list("name", flat=True)
    return bool(actor.visible(users))
