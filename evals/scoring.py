"""What one answer is worth."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from evals.domain.case_score import CaseScore, score_case
from evals.domain.checks import (
    Answer,
    CheckError,
    CheckOutcome,
    CheckSpec,
    is_remote,
    run_check,
)
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.models import CaseResult, KeptAnswer
from registry.domain.storable import storable
from serving.client import ChatResponse

Outcome = CaseResult.Outcome
_OUTCOMES = {True: Outcome.PASS, False: Outcome.FAIL}
#: What the column holds; no model answers with more tokens than that.
_MOST_TOKENS = 2_147_483_647
_LONGEST_FINISH_REASON = 30
#: What a check that had to ask a model came to: an outcome, or why there is none.
RemoteOutcome = CheckOutcome | CheckError


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was given. Times are milliseconds, None for one from the cache."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    ttft_ms: float | None = None
    total_ms: float | None = None
    cost_usd: float | None = None
    from_cache: bool = False
    answer_key: str = ""

    @classmethod
    def fresh(cls, response: ChatResponse, cost_usd: float | None, answer_key: str) -> Given:
        """What the model has just said; `answer_key` is empty when no later run may use it."""
        return cls(
            text=response.text,
            finish_reason=response.finish_reason,
            prompt_tokens=response.prompt_tokens,
            completion_tokens=response.completion_tokens,
            cached_tokens=response.cached_tokens,
            ttft_ms=response.ttft_ms,
            total_ms=response.total_ms,
            cost_usd=cost_usd,
            answer_key=answer_key,
        )

    @classmethod
    def kept(cls, row: KeptAnswer, cost_usd: float | None) -> Given:
        """What the model said to the same question in an earlier run."""
        return cls(
            text=row.text,
            finish_reason=row.finish_reason,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            cost_usd=cost_usd,
            from_cache=True,
        )

    @property
    def answer(self) -> Answer:
        """As the checks see it."""
        return Answer(
            text=self.text,
            finish_reason=self.finish_reason,
            ttft_ms=self.ttft_ms,
            total_ms=math.nan if self.total_ms is None else self.total_ms,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost_usd=self.cost_usd,
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """One result before it is stored. Times are milliseconds, None where none was measured."""

    outcome: CaseResult.Outcome
    error: str = ""
    score: float | None = None
    critical_failure: bool = False
    text: str = ""
    checks: tuple[CheckOutcome, ...] = ()
    finish_reason: str = ""
    ttft_ms: float | None = None
    total_ms: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None
    from_cache: bool = False
    #: What a later run may find the answer under; empty for none.
    answer_key: str = ""


def not_judged(reason: str) -> Judgement:
    """The result of a case that got no answer: an error, never a pass and never a fail."""
    return Judgement(Outcome.ERROR, error=storable(reason))


def skipped(reason: str) -> Judgement:
    """The result of a baseline that cannot be asked this."""
    return Judgement(Outcome.SKIPPED, error=storable(reason))


def counting_checks(
    suite: SuiteSpec, case: CaseSpec, advisory: Collection[str]
) -> tuple[CheckSpec, ...]:
    """The checks of a case. Those of advisory judges (`suite/judge`) decide nothing, unless there
    are no others: such a case proves nothing, but is shown as its judge sees it.
    """
    checks = suite.checks_of(case)
    counted = tuple(
        replace(check, weight=0.0, critical=False) if is_advisory(suite, check, advisory) else check
        for check in checks
    )
    return counted if any(check.weight > 0 for check in counted) else checks


def is_advisory(suite: SuiteSpec, check: CheckSpec, advisory: Collection[str]) -> bool:
    """Whether the check asks a judge that is not trusted."""
    return f"{suite.name}/{check.params.get('judge')}" in advisory and is_remote(check.type)


def judge(
    suite: SuiteSpec,
    case: CaseSpec,
    given: Given,
    *,
    remote: Mapping[str, RemoteOutcome] | None = None,
    advisory: Collection[str] = (),
) -> Judgement:
    """Run every check on the answer. A check that cannot be evaluated makes the case an error.

    `remote` holds what the checks that ask a model came to, by check name.
    """
    counts = (given.prompt_tokens, given.completion_tokens, given.cached_tokens or 0)
    if max(counts) > _MOST_TOKENS:
        return not_judged("the model server counted more tokens than there can be")
    outcomes: list[CheckOutcome] = []
    try:
        # One by one: those before a broken one are kept.
        checks = counting_checks(suite, case, advisory)
        outcomes.extend(_outcome(check, given.answer, case, remote or {}) for check in checks)
        total = score_case(outcomes, suite.threshold_of(case))
    except CheckError as unusable:
        return replace(_recorded(given, outcomes, None), error=storable(unusable.message))
    return _recorded(given, outcomes, total)


def _outcome(
    check: CheckSpec, answer: Answer, case: CaseSpec, remote: Mapping[str, RemoteOutcome]
) -> CheckOutcome:
    found = remote.get(check.name)
    try:
        if isinstance(found, CheckError):
            raise found
        if found is not None:
            return replace(found, weight=check.weight, critical=check.critical)
        return run_check(check, answer, case.expected)
    except CheckError as unusable:
        raise CheckError(
            f"the check {check.name} could not be evaluated: {unusable.message}"
        ) from unusable


def _recorded(given: Given, outcomes: Sequence[CheckOutcome], total: CaseScore | None) -> Judgement:
    """`total` None: an error, whatever the checks before it said."""
    return Judgement(
        outcome=Outcome.ERROR if total is None else _OUTCOMES[total.passed],
        score=None if total is None else total.score,
        critical_failure=total is not None and total.critical_failure,
        text=storable(given.text),
        checks=tuple(outcomes),
        finish_reason=storable(given.finish_reason)[:_LONGEST_FINISH_REASON],
        ttft_ms=given.ttft_ms,
        total_ms=given.total_ms,
        prompt_tokens=given.prompt_tokens,
        completion_tokens=given.completion_tokens,
        cached_tokens=given.cached_tokens,
        from_cache=given.from_cache,
        answer_key=given.answer_key,
    )
