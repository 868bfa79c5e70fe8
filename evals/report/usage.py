"""What a run took: tokens, money, time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evals.domain.latency import LatencyReport
from evals.domain.prefill import Timed, prefill_saved
from evals.models import EvalRun, Suite
from evals.report.answers import Arm, FreshAnswer, Tally
from evals.report.values import Cost, PrefixCache, Usage
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.models import ModelVersion

#: USD for a million prompt tokens, and for a million completion tokens.
Prices = tuple[float, float]
_MILLION = 1_000_000


def usage_of(
    run: EvalRun,
    answers: Mapping[Arm, Sequence[FreshAnswer]],
    tallies: Mapping[int, Tally],
    judges: Mapping[int, Prices | None],
) -> Usage:
    """What the run took until now. `judges` are the `judge_prices` of its suites."""
    sums = tallies.values()
    prices = _prices(ModelPin.from_json(run.model.pin))
    read, written = sum(one.read for one in sums), sum(one.written for one in sums)
    cost = Cost(
        model_usd=_usd(read, written, prices),
        latency_usd=_usd(*_phase_tokens(run), prices),
        judges_usd=_judges_usd(tallies, judges),
    )
    return Usage(
        prompt_tokens=run.prompt_tokens,
        completion_tokens=run.completion_tokens,
        judge_prompt_tokens=sum(one.judges_read for one in sums),
        judge_completion_tokens=sum(one.judges_wrote for one in sums),
        cached_answers=run.cached,
        cost=cost,
        planned_cost_usd=run.forecast.get("cost_usd"),
        prefix_cache=_prefix_cache(run, answers, tallies),
        seconds=_seconds(run),
    )


def judge_prices(tallies: Iterable[Mapping[int, Tally]]) -> dict[int, Prices | None]:
    """What the judges of each suite charge, of the suites whose judges were asked. None: they have
    several prices and nobody knows which of them used how many tokens, or one has none here.
    """
    asked = {
        suite
        for of_run in tallies
        for suite, one in of_run.items()
        if one.judges_read or one.judges_wrote
    }
    if not asked:
        return {}
    rows = Suite.objects.filter(pk__in=asked).values_list("pk", "spec__judges", "spec__pins")
    digests = {
        pk: {judge["model"]["digest"] for judge in (judges or {}).values()}
        | set((pins or {}).values())
        for pk, judges, pins in rows
    }
    pins = ModelVersion.objects.filter(digest__in=set().union(*digests.values()))
    known = {
        digest: _prices(ModelPin.from_json(pin))
        for digest, pin in pins.values_list("digest", "pin")
    }
    return {pk: _one_price(found, known) for pk, found in digests.items()}


def _one_price(digests: Iterable[str], known: Mapping[str, Prices]) -> Prices | None:
    prices = {known.get(digest) for digest in digests}
    return prices.pop() if len(prices) == 1 else None


def _prefix_cache(
    run: EvalRun,
    answers: Mapping[Arm, Sequence[FreshAnswer]],
    tallies: Mapping[int, Tally],
) -> PrefixCache | None:
    told = sum(one.told for one in tallies.values())
    had = sum(one.had for one in tallies.values())
    if not told:
        return None
    saved = prefill_saved(_timed(answers), GatePolicy.from_json(run.policy_spec).confidence)
    if isinstance(saved, str):
        return PrefixCache(told, had, prefill_unknown=saved)
    return PrefixCache(told, had, saved)


def _timed(answers: Mapping[Arm, Sequence[FreshAnswer]]) -> list[Timed]:
    """The answers of both arms for which the server says what it had."""
    return [
        Timed(one.case, one.ttft_ms, one.prompt_tokens, one.cached_tokens)
        for of_arm in answers.values()
        for one in of_arm
        if one.ttft_ms is not None and one.cached_tokens is not None
    ]


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


def _judges_usd(tallies: Mapping[int, Tally], judges: Mapping[int, Prices | None]) -> float | None:
    total = 0.0
    for suite, one in tallies.items():
        if not (one.judges_read or one.judges_wrote):
            continue
        price = judges.get(suite)
        cost = _usd(one.judges_read, one.judges_wrote, price) if price else None
        if cost is None:
            return None
        total += cost
    return total


def _prices(pin: ModelPin) -> Prices:
    return (pin.price_prompt, pin.price_completion)


def _usd(read: int, wrote: int, prices: Prices) -> float | None:
    """None for a model without prices, unless it was asked nothing."""
    if not (read or wrote):
        return 0.0
    return (read * prices[0] + wrote * prices[1]) / _MILLION if any(prices) else None


def _seconds(run: EvalRun) -> float | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return max(0.0, (run.finished_at - run.started_at).total_seconds())
