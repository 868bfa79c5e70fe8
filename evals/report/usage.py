"""What a run took: tokens, money, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from evals.domain.latency import LatencyReport
from evals.domain.prefill import Timed, prefill_saved
from evals.models import BaselineResult, CaseResult, EvalRun, Suite
from evals.report.values import Cost, PrefixCache, Usage
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.models import ModelVersion

#: USD for a million prompt tokens, and for a million completion tokens.
_Prices = tuple[float, float]
_MILLION = 1_000_000
_TIMED = ("ttft_ms", "prompt_tokens", "cached_tokens")


def usage_of(run: EvalRun, suites: Sequence[Suite]) -> Usage:
    """What the run took until now."""
    arms = [_asked(CaseResult.objects.filter(run=run))]
    if run.baseline_id is not None:
        arms.append(_asked(BaselineResult.objects.filter(result__run=run)))
    judged = _judged(run)
    phases = _phase_tokens(run)
    prices = _prices(ModelPin.from_json(run.model.pin))
    cost = Cost(
        model_usd=_usd(
            sum(arm["prompt"] for arm in arms), sum(arm["done"] for arm in arms), prices
        ),
        latency_usd=_usd(*phases, prices),
        judges_usd=_judges_usd(suites, judged),
    )
    return Usage(
        prompt_tokens=run.prompt_tokens,
        completion_tokens=run.completion_tokens,
        judge_prompt_tokens=sum(tokens[0] for tokens in judged.values()),
        judge_completion_tokens=sum(tokens[1] for tokens in judged.values()),
        cached_answers=run.cached,
        cost=cost,
        planned_cost_usd=run.forecast.get("cost_usd"),
        prefix_cache=_prefix_cache(run, arms),
        seconds=_seconds(run),
    )


def _prefix_cache(run: EvalRun, arms: Sequence[Mapping[str, int]]) -> PrefixCache | None:
    told, had = sum(arm["told"] for arm in arms), sum(arm["had"] for arm in arms)
    if not told:
        return None
    saved = prefill_saved(_timed(run), GatePolicy.from_json(run.policy_spec).confidence)
    if isinstance(saved, str):
        return PrefixCache(told, had, prefill_unknown=saved)
    return PrefixCache(told, had, saved)


def _timed(run: EvalRun) -> list[Timed]:
    """The answers of both arms for which the server says what it had."""
    known = {"from_cache": False, "cached_tokens__isnull": False, "ttft_ms__isnull": False}
    candidate = CaseResult.objects.filter(run=run, **known).order_by()
    rows = list(candidate.values_list("item__suite_id", "case", *_TIMED))
    if run.baseline_id is not None:
        live = BaselineResult.objects.filter(result__run=run, **known)
        rows += live.values_list("result__item__suite_id", "result__case", *_TIMED)
    return [Timed(f"{suite} {case}", *figures) for suite, case, *figures in rows]


def _asked(answers: QuerySet[Any]) -> dict[str, int]:
    """Tokens of what was asked for just now; of those for which the server says what it had."""
    known = Q(cached_tokens__isnull=False)
    return answers.filter(from_cache=False).aggregate(
        prompt=Coalesce(Sum("prompt_tokens"), 0),
        done=Coalesce(Sum("completion_tokens"), 0),
        told=Coalesce(Sum("prompt_tokens", filter=known), 0),
        had=Coalesce(Sum("cached_tokens", filter=known), 0),
    )


def _judged(run: EvalRun) -> dict[int, tuple[int, int]]:
    """Tokens that the judges of each suite read and wrote."""
    rows = (
        CaseResult.objects.filter(run=run)
        .order_by()
        .values("item__suite_id")
        .annotate(read=Sum("judge_prompt_tokens"), wrote=Sum("judge_completion_tokens"))
        .values_list("item__suite_id", "read", "wrote")
    )
    return {suite: (read, wrote) for suite, read, wrote in rows}


def _phase_tokens(run: EvalRun) -> tuple[int, int]:
    """Tokens of the requests that latency phases measured."""
    arms = [
        arm
        for phase in run.latency.values()
        for level in LatencyReport.from_json(phase).levels
        for arm in level.arms
    ]
    read = sum(timing.prompt_tokens for arm in arms for timing in arm.timings)
    return read, sum(arm.output_tokens for arm in arms)


def _judges_usd(suites: Sequence[Suite], judged: Mapping[int, tuple[int, int]]) -> float | None:
    parts = [_judge_usd(suite, *judged.get(suite.pk, (0, 0))) for suite in suites]
    return None if None in parts else sum(part for part in parts if part is not None)


def _judge_usd(suite: Suite, read: int, wrote: int) -> float | None:
    """What one suite's judges cost. Their tokens are added up, so their prices must be one."""
    if not (read or wrote):
        return 0.0
    judges: Mapping[str, Any] = suite.spec.get("judges") or {}
    digests = {judge["model"]["digest"] for judge in judges.values()}
    digests.update((suite.spec.get("pins") or {}).values())
    pins = ModelVersion.objects.filter(digest__in=digests).values_list("digest", "pin")
    known = [(digest, _prices(ModelPin.from_json(pin))) for digest, pin in pins]
    prices = {price for _, price in known}
    if {digest for digest, _ in known} != digests or len(prices) != 1:
        return None
    return _usd(read, wrote, prices.pop())


def _prices(pin: ModelPin) -> _Prices:
    return (pin.price_prompt, pin.price_completion)


def _usd(read: int, wrote: int, prices: _Prices) -> float | None:
    """None for a model without prices, unless it was asked nothing."""
    if not (read or wrote):
        return 0.0
    return (read * prices[0] + wrote * prices[1]) / _MILLION if any(prices) else None


def _seconds(run: EvalRun) -> float | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return max(0.0, (run.finished_at - run.started_at).total_seconds())
