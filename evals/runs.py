"""Start, cancel, resume and finish runs. One transaction each; the only writer of verdicts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from evals import jobs, judged, measured, queries, stopping, subjects, telling, trials
from evals.domain.judge_standing import self_judging
from evals.errors import (
    BeyondLimitsError,
    RunFinishedError,
    RunTooLargeError,
    SelfJudgingError,
)
from evals.models import EvalRun, Suite, WorkItem
from evals.plan import PlannedAnswer, json_of, plan_answers
from evals.subjects import Subject
from evals.verdict import RunDecision, SuiteResults, decide_run, failed_early, self_comparison
from registry import certificates
from registry.certificates import EvidenceOutdatedError, Measured
from registry.domain.actor import Actor, Scope
from registry.domain.judge_model import JudgeModel
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy as PolicyRule
from registry.domain.version import VersionContent
from registry.models import Certificate, PromptVersion

#: Answers of one run. More is a mistake in a suite, not an evaluation.
MOST_ANSWERS = 100_000
_BATCH = 2_000

_log = logging.getLogger(__name__)


def start_run(
    *,
    prompt: str,
    version: int,
    model: str | None,
    tag: str,
    actor: Actor,
    now: datetime,
    use_cache: bool = True,
) -> EvalRun:
    """Plan a run of `version` on `model` (None: the prompt's default) and ring for a worker.

    `tag` says whose gate policy counts, and with which live version the candidate is compared.
    Raises NotAllowedError, NotFoundError kinds, GateUnknownError, SuitesUnusableError,
    RunTooLargeError.
    """
    actor.require(Scope.EVALUATE, prompt)
    with transaction.atomic():
        subject = subjects.candidate(prompt=prompt, version=version, model=model, tag=tag)
        return begin(subject, EvalRun.Kind.GATE, actor.name, now, use_cache=use_cache)


def start_self_comparison(
    *, prompt: str, model: str | None, tag: str, actor: Actor, now: datetime
) -> EvalRun:
    """Ask the live version everything twice, to see how much answers differ by themselves.

    Nothing comes from the cache, and nothing is certified. Raises as `start_run`, and
    TagNotSetError when nothing is live.
    """
    actor.require(Scope.EVALUATE, prompt)
    with transaction.atomic():
        subject = subjects.live_against_itself(prompt=prompt, model=model, tag=tag)
        return begin(subject, EvalRun.Kind.SELF, actor.name, now, use_cache=False)


def begin(
    subject: Subject, kind: EvalRun.Kind, requested_by: str, now: datetime, *, use_cache: bool
) -> EvalRun:
    """Plan a run and ring for a worker. Joins the caller's transaction, who has asked for the
    right to. Raises SelfJudgingError, BeyondLimitsError, RunTooLargeError.
    """
    specs = subject.specs
    pin = ModelPin.from_json(subject.model.pin)
    if judging := [sentence for spec in specs for sentence in self_judging(spec, pin)]:
        raise SelfJudgingError("; ".join(judging))
    content = VersionContent.from_json(subject.version.content)
    if beyond := pin.beyond_limits(content.parameters):
        raise BeyondLimitsError("; ".join(beyond.values()))
    requests = sum(spec.requests for spec in specs)
    if requests > MOST_ANSWERS:
        raise RunTooLargeError(
            f"the suites of {subject.prompt} ask for {requests:,} answers; "
            f"{MOST_ANSWERS:,} is the most"
        )
    run = EvalRun.objects.create(
        kind=kind,
        **subject.candidate,
        baseline=subject.baseline,
        model=subject.model,
        suite_digest=subject.suite_digest,
        tag=subject.tag,
        policy=subject.policy.name,
        policy_digest=subject.policy.digest,
        policy_spec=subject.policy.spec,
        forecast=json_of(subjects.forecast(subject)),
        advisory=trials.advisory(specs, subject.rule.judge),
        use_cache=use_cache,
        total=requests,
        requested_by=requested_by,
        created_at=now,
    )
    run.suites.set(subject.suites)
    _create_items(
        run, subject.suites, tuple(plan_answers(content, specs, mixed=subject.rule.early_stop))
    )
    jobs.wake_after_commit(run.pk)
    return run


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


def stop_runs(*, run_ids: Sequence[UUID], reason: str, now: datetime) -> None:
    """Cancel those of the runs that are live. Joins the caller's transaction."""
    live = EvalRun.objects.select_for_update(no_key=True).filter(
        pk__in=run_ids, status__in=EvalRun.LIVE
    )
    for run in live.order_by("pk"):
        run.status, run.finished_at, run.reasons = EvalRun.Status.CANCELLED, now, [reason]
        run.save(update_fields=["status", "finished_at", "reasons"])


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


def finalise(
    *,
    run_id: UUID,
    now: datetime,
    doubts: Sequence[str] = (),
    results: Callable[[], Sequence[SuiteResults]] | None = None,
) -> None:
    """Judge a live run whose answers are all in, and certify it if it passed: exactly once.

    `doubts`: why the measurement cannot be trusted; they make the verdict ERROR. `results` gives
    the figures if somebody has read them since the last answer came. Nothing happens while an
    answer is missing, or when the run is no longer live.
    """
    with transaction.atomic():
        locked = EvalRun.objects.select_for_update(no_key=True, of=("self",))
        run = locked.select_related("version__prompt", "model").get(pk=run_id)
        if run.status not in EvalRun.LIVE or queries.has_open_items(run_id):
            return
        policy = PolicyRule.from_json(run.policy_spec)
        if results is None:
            found = measured.results_by_suite(run, policy, now)
        else:
            found = measured.as_of(now, run, results())
        if run.kind == EvalRun.Kind.SELF:
            run.summary, reasons = self_comparison(found, doubts)
            _finish(run, "", reasons, None, now)
            return
        pin = ModelPin.from_json(run.model.pin)
        said = judged.heard(run, found)
        found = judged.with_records(run, found, said)
        decision = decide_run(found, policy, doubts=doubts, is_pinned=pin.pinned)
        figures = judged.figures(run, found, said, policy.judge)
        run.summary = decision.summary() | {"judges": figures}
        verdict, reasons, certificate = _certified(run, decision, now)
        _finish(run, verdict, reasons, certificate, now)


def stop_if_failed(*, run_id: UUID, now: datetime) -> bool:
    """Finish a live run that has provably failed already, if its policy stops early.

    True when it was finished here. What was measured stays; what was not is never asked.
    """
    seen = EvalRun.objects.get(pk=run_id)
    # Without the lock: nobody waits while PostgreSQL counts.
    if not stopping.may_have_failed(seen, PolicyRule.from_json(seen.policy_spec)):
        return False
    with transaction.atomic():
        run = EvalRun.objects.select_for_update(no_key=True).get(pk=run_id)
        if run.status not in EvalRun.LIVE or run.kind == EvalRun.Kind.SELF:
            return False
        policy = PolicyRule.from_json(run.policy_spec)
        decision = failed_early(measured.results_by_suite(run, policy, now), policy)
        if decision is None:
            return False
        run.summary = decision.summary()
        _finish(run, *_certified(run, decision, now), now)
    return True


def _certified(
    run: EvalRun, decision: RunDecision, now: datetime
) -> tuple[str, tuple[str, ...], Certificate | None]:
    """The verdict with its certificate. What cannot be certified (any more) is no PASS, and a FAIL
    ends what the same evaluation certified before. A check of a commit proves nothing for a tag.
    """
    if run.version is None:
        return decision.verdict, decision.reasons, None
    reasons = (*decision.reasons, *_tries(run))
    subject = _what_was_measured(run, run.version, reasons)
    if decision.verdict == "FAIL":
        certificates.refute(measured=subject, run=run.pk, now=now)
    if decision.verdict != "PASS":
        return decision.verdict, reasons, None
    try:
        return "PASS", reasons, certificates.issue(measured=subject, now=now)
    except EvidenceOutdatedError as outdated:
        return "INCONCLUSIVE", (outdated.message, *reasons), None


def _tries(run: EvalRun) -> tuple[str, ...]:
    """Whoever asks often enough passes some day; the reader should know how often it was."""
    before = queries.same_gate(run).count()
    if not before:
        return ()
    return (f"evaluation number {before + 1} of this version on this model under this gate",)


def _what_was_measured(run: EvalRun, version: PromptVersion, reasons: tuple[str, ...]) -> Measured:
    return Measured(
        run=run.pk,
        version=version,
        model=run.model,
        fingerprint=run.fingerprint,
        suite_digest=run.suite_digest,
        policy=run.policy,
        policy_digest=run.policy_digest,
        evidence={**run.summary, "reasons": list(reasons), "answers": run.done},
        baseline=run.baseline,
        tag=run.tag,
        judge_models=tuple(JudgeModel(**judge) for judge in run.judge_models),
    )


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
    telling.run_finished(run)
    _log.info("run %s finished: %s", run.pk, verdict)
