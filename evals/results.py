"""The one way a result gets in.

In batches of one run, each in one transaction: what a worker pays for an answer should be the
answer, not the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from evals.leases import Lease, given_up
from evals.models import BaselineResult, CaseResult, EvalRun, WorkItem
from evals.scoring import Judgement, not_judged

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one work item: the candidate's answer, and the baseline's if there is one.

    `judge_tokens` are (prompt, completion) tokens that judges read and wrote about both.
    """

    lease: Lease
    candidate: Judgement
    baseline: Judgement | None = None
    judge_tokens: tuple[int, int] = (0, 0)

    @property
    def arms(self) -> tuple[Judgement, ...]:
        """Every judged answer of it."""
        return (self.candidate,) if self.baseline is None else (self.candidate, self.baseline)


def store(*, run_id: UUID, results: Sequence[Result]) -> frozenset[int]:
    """Store the one result of each item and count what it cost. Returns the items it was taken for.

    Refused is the result of an item that has one already, or for which somebody else holds a newer
    fence; all are, when the run is finished. A cancelled run takes what was paid for already: it
    may be resumed.
    """
    if not results:
        return frozenset()
    with transaction.atomic():
        # The run's row is locked first by everybody (also by finalise): no deadlock, and no result
        # behind a verdict's back.
        run = EvalRun.objects.select_for_update(no_key=True).get(pk=run_id)
        if run.status == EvalRun.Status.FINISHED:
            return frozenset()
        taken = _claimed(results)
        if taken:
            _insert(taken)
            _count(run_id, taken)
    return frozenset(result.lease.item for result in taken)


def _claimed(results: Sequence[Result]) -> list[Result]:
    """Those whose item waits for just this fence; the items are done now."""
    waiting = dict(
        WorkItem.objects.select_for_update(no_key=True)
        .filter(pk__in=[result.lease.item for result in results], done=False)
        .order_by("pk")
        .values_list("pk", "fence")
    )
    newest: dict[int, Result] = {}
    for result in results:
        if waiting.get(result.lease.item) == result.lease.fence:
            newest.setdefault(result.lease.item, result)
    WorkItem.objects.filter(pk__in=list(newest)).update(done=True, owner="", leased_until=None)
    return list(newest.values())


def _insert(taken: Sequence[Result]) -> None:
    rows = CaseResult.objects.bulk_create(
        [
            CaseResult(
                item_id=result.lease.item,
                run_id=result.lease.run,
                case=result.lease.case,
                repeat=result.lease.repeat,
                fence=result.lease.fence,
                judge_prompt_tokens=result.judge_tokens[0],
                judge_completion_tokens=result.judge_tokens[1],
                **_columns(result.candidate),
            )
            for result in taken
        ],
        batch_size=_BATCH,
    )
    BaselineResult.objects.bulk_create(
        [
            BaselineResult(result=row, **_columns(result.baseline))
            for row, result in zip(rows, taken, strict=True)
            if result.baseline is not None
        ],
        batch_size=_BATCH,
    )


def _columns(judged: Judgement) -> dict[str, Any]:
    return {
        "outcome": judged.outcome,
        "score": judged.score,
        "critical_failure": judged.critical_failure,
        "text": judged.text,
        "checks": [asdict(check) for check in judged.checks],
        "error": judged.error,
        "finish_reason": judged.finish_reason,
        "ttft_ms": judged.ttft_ms,
        "total_ms": judged.total_ms,
        "prompt_tokens": judged.prompt_tokens,
        "completion_tokens": judged.completion_tokens,
        "cached_tokens": judged.cached_tokens,
        "from_cache": judged.from_cache,
    }


def _count(run_id: UUID, taken: Sequence[Result]) -> None:
    """Move the run's tallies by just these results."""
    paid = [arm for result in taken for arm in result.arms if not arm.from_cache]
    free = sum(arm.from_cache for result in taken for arm in result.arms)
    errors = sum(result.candidate.outcome == CaseResult.Outcome.ERROR for result in taken)
    asked = sum(arm.prompt_tokens for arm in paid) + sum(r.judge_tokens[0] for r in taken)
    written = sum(arm.completion_tokens for arm in paid) + sum(r.judge_tokens[1] for r in taken)
    EvalRun.objects.filter(pk=run_id).update(
        done=F("done") + len(taken),
        errors=F("errors") + errors,
        cached=F("cached") + free,
        prompt_tokens=F("prompt_tokens") + asked,
        completion_tokens=F("completion_tokens") + written,
    )


def give_up_poison(*, run_id: UUID) -> int:
    """Give every item that used up its attempts an ERROR result. Returns how many."""
    lost, reason = given_up(run_id)
    failed = not_judged(reason)
    return len(store(run_id=run_id, results=[Result(lease, failed) for lease in lost]))
