"""Canaries: texts that no judge may be talked round by."""

from __future__ import annotations

from dataclasses import asdict

from django.utils import timezone

from evals import trials
from evals.conversation import Conversation
from evals.domain.judge.canaries import CanaryResult, judge_canaries
from evals.domain.judge.spec import JudgeSpec
from evals.domain.judge_trial import run_canaries
from evals.judges.asking import Keep, confirmed, ready
from evals.jury import nonce
from evals.models import JudgeTrial
from registry import queries as registry_queries


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
    seat, ask = ready(judge, talk, keep)
    fingerprint, results = confirmed(model, talk, keep, lambda: run_canaries(seat, ask, nonce))
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
