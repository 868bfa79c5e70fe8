"""The one way a result gets in.

In batches of one run, each in one transaction and by one statement: what a worker pays for an
answer should be the answer, not the rows around it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from evals.domain.checks import CheckOutcome
from evals.leases import Lease, given_up
from evals.models import CaseResult, EvalRun
from evals.scoring import Judgement, not_judged
from registry.domain.storable import storable

#: The columns of a JudgedAnswer, as they come out of JSON.
ANSWER_COLUMNS = {
    "outcome": "text",
    "score": "double precision",
    "critical_failure": "boolean",
    "text": "text",
    "checks": "jsonb",
    "error": "text",
    "finish_reason": "text",
    "ttft_ms": "double precision",
    "total_ms": "double precision",
    "prompt_tokens": "integer",
    "completion_tokens": "integer",
    "cached_tokens": "integer",
    "from_cache": "boolean",
    "answer_key": "text",
}
_COLUMNS = ", ".join(ANSWER_COLUMNS)
_TYPED = ", ".join(f"{column} {kind}" for column, kind in ANSWER_COLUMNS.items())
# Claim the items by their fences, and insert for each its answer and the one beside it. One
# statement, because the ORM would build an array a column and a dozen objects a row for what is
# one text here. What is known of an item already comes from the item.
_STORE = f"""
    WITH given AS (
        SELECT * FROM json_to_recordset(%(rows)s) AS given(
            item bigint, given_fence integer, judge_prompt integer, judge_completion integer,
            candidate json, baseline json
        )
    ), claimed AS (
        UPDATE evals_workitem AS item SET done = true, owner = '', leased_until = NULL
        FROM given
        WHERE item.id = given.item AND item.fence = given.given_fence
            AND item.run_id = %(run)s AND NOT item.done
        RETURNING item.id AS item_id, item.run_id, item.case, item.repeat, item.fence, given.*
    ), stored AS (
        INSERT INTO evals_caseresult (
            item_id, run_id, "case", repeat, fence, judge_prompt_tokens, judge_completion_tokens,
            created_at, {_COLUMNS}
        )
        SELECT item_id, run_id, claimed.case, repeat, fence, judge_prompt, judge_completion,
            now(), {_COLUMNS}
        FROM claimed, json_to_record(candidate) AS answer({_TYPED})
        RETURNING id AS result_id, item_id
    ), beside AS (
        INSERT INTO evals_baselineresult (result_id, {_COLUMNS})
        SELECT result_id, {_COLUMNS}
        FROM stored JOIN claimed USING (item_id), json_to_record(baseline) AS answer({_TYPED})
        WHERE json_typeof(baseline) = 'object'
    )
    SELECT item_id, fence FROM claimed
"""  # noqa: S608 - nothing but the names above


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
        run = EvalRun.objects.select_for_update(no_key=True).only("status").get(pk=run_id)
        if run.status == EvalRun.Status.FINISHED:
            return frozenset()
        taken = _insert(run_id, results)
        if taken:
            _count(run_id, taken)
    return frozenset(result.lease.item for result in taken)


def _insert(run_id: UUID, results: Sequence[Result]) -> list[Result]:
    """Those whose item waits for just this fence. The items are done now, the answers stored."""
    given: dict[tuple[int, int], Result] = {}
    for result in results:
        given.setdefault((result.lease.item, result.lease.fence), result)
    rows = json.dumps([_row(result) for result in given.values()], allow_nan=False)
    with connection.cursor() as cursor:
        cursor.execute(_STORE, {"rows": rows, "run": run_id})
        return [given[item, fence] for item, fence in cursor.fetchall()]


def _row(result: Result) -> dict[str, Any]:
    return {
        "item": result.lease.item,
        "given_fence": result.lease.fence,
        "judge_prompt": result.judge_tokens[0],
        "judge_completion": result.judge_tokens[1],
        "candidate": _columns(result.candidate),
        "baseline": None if result.baseline is None else _columns(result.baseline),
    }


def _columns(judged: Judgement) -> dict[str, Any]:
    return {
        "outcome": judged.outcome,
        "score": judged.score,
        "critical_failure": judged.critical_failure,
        "text": judged.text,
        "checks": [_check(outcome) for outcome in judged.checks],
        "error": judged.error,
        "finish_reason": judged.finish_reason,
        "ttft_ms": judged.ttft_ms,
        "total_ms": judged.total_ms,
        "prompt_tokens": judged.prompt_tokens,
        "completion_tokens": judged.completion_tokens,
        "cached_tokens": judged.cached_tokens,
        "from_cache": judged.from_cache,
        "answer_key": judged.answer_key,
    }


def _check(outcome: CheckOutcome) -> dict[str, Any]:
    """`dataclasses.asdict`, which costs ten times as much.

    A check may quote what it decoded from an answer, and JSON can spell a NUL there.
    """
    said = {name: getattr(outcome, name) for name in outcome.__slots__}
    return said | {"detail": storable(outcome.detail)}


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
