"""Start, cancel, resume and finish runs. One transaction each; the only writer of verdicts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from evals import jobs, queries
from evals.errors import GateUnknownError, RunFinishedError, RunTooLargeError, SuitesUnusableError
from evals.follow import combined_digest
from evals.models import EvalRun, Suite, WorkItem
from evals.plan import PlannedAnswer, forecast_run, guess_tokens, json_of, plan_answers
from evals.verdict import RunDecision, decide_run
from registry import certificates
from registry import queries as registry_queries
from registry.certificates import EvidenceOutdatedError, Measured
from registry.domain.actor import Actor, Scope
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy as PolicyRule
from registry.domain.version import VersionContent
from registry.errors import ModelUnknownError
from registry.models import Certificate, GatePolicy, ModelVersion, Prompt, PromptVersion

#: Answers of one run. More is a mistake in a suite, not an evaluation.
MOST_ANSWERS = 100_000
_BATCH = 2_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is to be measured, with what, under which rule."""

    prompt: Prompt
    version: PromptVersion
    model: ModelVersion
    policy: GatePolicy
    suites: tuple[Suite, ...]


def start_run(
    *, prompt: str, version: int, model: str | None, tag: str, actor: Actor, now: datetime
) -> EvalRun:
    """Plan a run of `version` on `model` (None: the prompt's default) and ring for a worker.

    `tag` says whose gate policy counts. Raises NotAllowedError, NotFoundError kinds,
    GateUnknownError, SuitesUnusableError, RunTooLargeError.
    """
    actor.require(Scope.EVALUATE, prompt)
    with transaction.atomic():
        subject = _subject(prompt, version, model, tag)
        specs = queries.suite_specs(subject.suites)
        content = VersionContent.from_json(subject.version.content)
        requests = sum(spec.requests for spec in specs)
        if requests > MOST_ANSWERS:
            raise RunTooLargeError(
                f"the suites of {prompt} ask for {requests:,} answers; {MOST_ANSWERS:,} is the most"
            )
        estimate = queries.measured_tokens(subject.prompt, subject.model)
        planned = forecast_run(
            specs,
            PolicyRule.from_json(subject.policy.spec),
            ModelPin.from_json(subject.model.pin),
            estimate or guess_tokens(content, specs),
        )
        run = EvalRun.objects.create(
            version=subject.version,
            model=subject.model,
            suite_digest=subject.prompt.suite_digest,
            tag=tag,
            policy=subject.policy.name,
            policy_digest=subject.policy.digest,
            policy_spec=subject.policy.spec,
            forecast=json_of(planned),
            total=requests,
            requested_by=actor.name,
            created_at=now,
        )
        run.suites.set(subject.suites)
        _create_items(run, subject.suites, tuple(plan_answers(content, specs)))
        jobs.wake_after_commit(run.pk)
    return run


def _subject(prompt: str, version: int, model: str | None, tag: str) -> _Subject:
    row = registry_queries.prompt(prompt)
    published = registry_queries.version(row, version)
    name = model or row.default_model
    if not name:
        raise ModelUnknownError(
            f"{prompt} names no default model", hint="say which model: --model NAME"
        )
    policy = registry_queries.policy_for(row, tag)
    if policy is None:
        raise GateUnknownError(f"no gate policy guards {tag}")
    suites = queries.current_suites(row)
    if combined_digest({suite.name: suite.digest for suite in suites}) != row.suite_digest:
        raise SuitesUnusableError(f"the suites of {prompt} are being changed; try again")
    return _Subject(row, published, registry_queries.current_model(name), policy, suites)


def _create_items(run: EvalRun, suites: Sequence[Suite], answers: Sequence[PlannedAnswer]) -> None:
    rows = (
        WorkItem(
            run=run,
            suite=suites[answer.suite],
            case=answer.case,
            repeat=answer.repeat,
            position=position,
        )
        for position, answer in enumerate(answers)
    )
    WorkItem.objects.bulk_create(rows, batch_size=_BATCH)


def cancel_run(*, run_id: UUID, actor: Actor, now: datetime) -> EvalRun:
    """Stop a run; its workers notice within two seconds. Cancelling twice changes nothing.

    Raises RunUnknownError, NotAllowedError, RunFinishedError.
    """
    with transaction.atomic():
        run = _locked(run_id, actor)
        if run.status in EvalRun.LIVE:
            run.status, run.finished_at = EvalRun.Status.CANCELLED, now
            run.reasons = [f"cancelled by {actor.name}"]
            run.save(update_fields=["status", "finished_at", "reasons"])
    return queries.run(run_id)


def resume_run(*, run_id: UUID, actor: Actor, now: datetime) -> EvalRun:
    """Go on with a cancelled run where it stopped: what has a result is not asked again.

    A run that is still live is rung for once more. Raises as `cancel_run`.
    """
    with transaction.atomic():
        run = _locked(run_id, actor)
        if run.status == EvalRun.Status.CANCELLED:
            run.status = EvalRun.Status.RUNNING if run.started_at else EvalRun.Status.QUEUED
            run.finished_at, run.reasons = None, []
            run.save(update_fields=["status", "finished_at", "reasons"])
            _log.info("run %s resumed by %s at %s", run_id, actor.name, now.isoformat())
        jobs.wake_after_commit(run_id)
    return queries.run(run_id)


def _locked(run_id: UUID, actor: Actor) -> EvalRun:
    """The run, locked, if the actor may change it and it is not finished."""
    actor.require(Scope.EVALUATE)
    queries.run_for(actor, run_id)
    run = EvalRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.status == EvalRun.Status.FINISHED:
        raise RunFinishedError(f"run {run_id} is finished: {run.verdict}", verdict=run.verdict)
    return run


def abort_run(*, run_id: UUID, reason: str, now: datetime) -> None:
    """Finish a live run with ERROR: it could not be measured. Nothing happens to other runs."""
    with transaction.atomic():
        run = EvalRun.objects.select_for_update(no_key=True).filter(pk=run_id).first()
        if run is not None and run.status in EvalRun.LIVE:
            _finish(run, "ERROR", (reason,), None, now)


def finalise(*, run_id: UUID, now: datetime, doubts: Sequence[str] = ()) -> None:
    """Judge a live run whose answers are all in, and certify it if it passed: exactly once.

    `doubts`: why the measurement cannot be trusted; they make the verdict ERROR. Nothing happens
    while an answer is missing, or when the run is no longer live.
    """
    with transaction.atomic():
        run = EvalRun.objects.select_for_update(no_key=True).get(pk=run_id)
        if run.status not in EvalRun.LIVE or queries.has_open_items(run_id):
            return
        policy = PolicyRule.from_json(run.policy_spec)
        pin = ModelPin.from_json(run.model.pin)
        decision = decide_run(
            queries.results_by_suite(run), policy, doubts=doubts, is_pinned=pin.pinned
        )
        run.summary = decision.summary()
        verdict, reasons, certificate = _certified(run, decision, now)
        _finish(run, verdict, reasons, certificate, now)


def _certified(
    run: EvalRun, decision: RunDecision, now: datetime
) -> tuple[str, tuple[str, ...], Certificate | None]:
    """The verdict with its certificate. What cannot be certified (any more) is no PASS."""
    if decision.verdict != "PASS":
        return decision.verdict, decision.reasons, None
    measured = Measured(
        run=run.pk,
        version=run.version,
        model=run.model,
        fingerprint=run.fingerprint,
        suite_digest=run.suite_digest,
        policy=run.policy,
        policy_digest=run.policy_digest,
        evidence={**run.summary, "reasons": list(decision.reasons), "answers": run.done},
    )
    try:
        return "PASS", decision.reasons, certificates.issue(measured=measured, now=now)
    except EvidenceOutdatedError as outdated:
        return "INCONCLUSIVE", (outdated.message, *decision.reasons), None


def _finish(
    run: EvalRun,
    verdict: str,
    reasons: Sequence[str],
    certificate: Certificate | None,
    now: datetime,
) -> None:
    run.status, run.verdict, run.reasons = EvalRun.Status.FINISHED, verdict, list(reasons)
    run.certificate, run.finished_at = certificate, now
    run.leader, run.leader_until = "", None
    run.save()
    _log.info("run %s finished: %s", run.pk, verdict)
