"""What one answer is worth."""

from __future__ import annotations

from dataclasses import dataclass

from evals.domain.checks import Answer, CheckError, CheckOutcome, run_check
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.models import CaseResult
from serving.client import ChatResponse

Outcome = CaseResult.Outcome
#: What the column holds; no model answers with more tokens than that.
_MOST_TOKENS = 2_147_483_647
_LONGEST_FINISH_REASON = 30


@dataclass(frozen=True, slots=True)
class Judgement:
    """One result before it is stored. Times are milliseconds, None where none was measured."""

    outcome: CaseResult.Outcome
    error: str = ""
    critical_failure: bool = False
    text: str = ""
    checks: tuple[CheckOutcome, ...] = ()
    finish_reason: str = ""
    ttft_ms: float | None = None
    total_ms: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None


def not_judged(reason: str) -> Judgement:
    """The result of a case that got no answer: an error, never a pass and never a fail."""
    return Judgement(Outcome.ERROR, error=_storable(reason))


def judge(suite: SuiteSpec, case: CaseSpec, response: ChatResponse) -> Judgement:
    """Run every check on the answer. A check that cannot be evaluated makes the case an error."""
    counts = (response.prompt_tokens, response.completion_tokens, response.cached_tokens or 0)
    if max(counts) > _MOST_TOKENS:
        return not_judged("the model server counted more tokens than there can be")
    answer = Answer(
        text=response.text,
        finish_reason=response.finish_reason,
        ttft_ms=response.ttft_ms,
        total_ms=response.total_ms,
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
    )
    outcomes: list[CheckOutcome] = []
    error = ""
    for check in suite.checks_of(case):
        try:
            outcomes.append(run_check(check, answer, case.expected))
        except CheckError as unusable:
            error = f"the check {check.name} could not be evaluated: {unusable.message}"
            break
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if not outcomes and not error:
        error = "no check applies to this case"
    return Judgement(
        outcome=Outcome.ERROR if error else Outcome.FAIL if failed else Outcome.PASS,
        error=_storable(error),
        critical_failure=not error and any(outcome.critical for outcome in failed),
        text=_storable(response.text),
        checks=tuple(outcomes),
        finish_reason=_storable(response.finish_reason)[:_LONGEST_FINISH_REASON],
        ttft_ms=response.ttft_ms,
        total_ms=response.total_ms,
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
        cached_tokens=response.cached_tokens,
    )


def _storable(text: str) -> str:
    """PostgreSQL's text has no NUL; what was judged had it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
