"""Guardrails: what the candidate may cost more than the live version, in time, tokens or money.

Each of them may fail the gate by itself, in every suite of the run, so their p-values are corrected
by Holm: all together they raise a false alarm with probability 1 - confidence at most. A guardrail
stops what is shown to be too much; it does not ask for a proof that nothing grew, which p95 needs
hundreds of answers for. Measured within its limit it holds. Measured above its limit without proof,
or not measured well enough to ever raise an alarm, it leaves the gate INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evals.domain.gate.decision import GuardrailResult, Verdict
from evals.domain.gate.evidence import GuardrailSample
from evals.domain.percent import change_text, plural
from evals.domain.statistics import (
    Bounds,
    Change,
    Interval,
    PairedSample,
    fewest_pairs,
    holm,
    mean_ratio,
    mean_ratio_p,
    percentile_ratio,
    percentile_ratio_p,
)
from registry.domain.policy import GatePolicy, Guardrail

_QUANTILES = {"p50": 0.5, "p95": 0.95}
#: 1 - 0.95 is a little more than 0.05.
_ROUNDING = 1e-12


def weigh_guardrails(
    samples: Sequence[GuardrailSample], policy: GatePolicy
) -> tuple[GuardrailResult, ...]:
    """One result for each guardrail of the policy, in its order; one without a sample was not
    measured. For a run of one suite.
    """
    [found] = weigh_guardrails_of_suites([samples], policy)
    return found


def weigh_guardrails_of_suites(
    suites: Sequence[Sequence[GuardrailSample]], policy: GatePolicy
) -> tuple[tuple[GuardrailResult, ...], ...]:
    """The same for each suite of a run. Each guardrail of each suite may fail the run by itself,
    so Holm goes over all of them.
    """
    results = [_weigh_all(samples, policy) for samples in suites]
    adjusted = iter(holm([r.p_value for part in results for r in part if r.increase is not None]))
    return tuple(
        tuple(
            result if result.increase is None else _judge(result, next(adjusted), policy)
            for result in part
        )
        for part in results
    )


def _weigh_all(
    samples: Sequence[GuardrailSample], policy: GatePolicy
) -> tuple[GuardrailResult, ...]:
    measured = {sample.name: sample for sample in samples}
    return tuple(_weigh(rail, measured.get(rail.name), policy) for rail in policy.guardrails)


def _weigh(rail: Guardrail, sample: GuardrailSample | None, policy: GatePolicy) -> GuardrailResult:
    if sample is None or not sample.candidate:
        return _unmeasured(rail, 0, "was not measured")
    pairs = len(sample.candidate)
    paired = PairedSample(sample.candidate, sample.baseline, sample.clusters)
    quantile = _QUANTILES.get(rail.name.rpartition("_")[2])
    if not any(sample.baseline):
        if any(sample.candidate):
            return _unmeasured(rail, pairs, "is nothing for the live version: no share of it")
        return _measured(rail, pairs, Change(1.0, Bounds(1.0, 1.0)), 1.0)
    if quantile is None:
        change = mean_ratio(paired, policy.confidence)
        p_value = mean_ratio_p(paired, 1 + rail.max_increase)
    else:
        if lack := _lack(paired, quantile, policy.confidence):
            return _unmeasured(rail, pairs, lack)
        change = percentile_ratio(paired, quantile, policy.confidence)
        p_value = percentile_ratio_p(paired, quantile, 1 + rail.max_increase)
    if change.bounds.low is None:
        return _unmeasured(rail, pairs, f"has too few answers: {plural(pairs, 'pair')}")
    return _measured(rail, pairs, change, p_value)


def _lack(paired: PairedSample, quantile: float, confidence: float) -> str:
    """What these figures lack for a percentile, as a clause; empty when nothing."""
    if min(*paired.candidate, *paired.baseline) <= 0:
        return "has figures that are not above zero"
    apart = len(set(paired.clusters)) if paired.clusters else len(paired.candidate)
    least = fewest_pairs(quantile, confidence)
    if apart < least:
        return f"has {plural(apart, 'pair')} that stand alone, this percentile takes {least}"
    return ""


def _unmeasured(rail: Guardrail, pairs: int, clause: str) -> GuardrailResult:
    sentence = f"guardrail {rail.name} {clause}: undecided"
    return GuardrailResult(rail.name, "INCONCLUSIVE", sentence, rail.max_increase, pairs)


def _measured(rail: Guardrail, pairs: int, change: Change, p_value: float) -> GuardrailResult:
    low, high = change.bounds.low, change.bounds.high
    interval = None if low is None or high is None else Interval(low - 1, high - 1)
    return GuardrailResult(
        name=rail.name,
        verdict="INCONCLUSIVE",
        sentence="",
        limit=rail.max_increase,
        pairs=pairs,
        increase=change.value - 1,
        interval=interval,
        p_value=p_value,
    )


def _judge(result: GuardrailResult, adjusted: float, policy: GatePolicy) -> GuardrailResult:
    increase = result.increase or 0.0
    verdict: Verdict = "PASS" if increase <= result.limit else "INCONCLUSIVE"
    if increase > result.limit and adjusted <= 1 - policy.confidence + _ROUNDING:
        verdict = "FAIL"
    text = _sentence(result, increase, adjusted, verdict, policy)
    return replace(result, verdict=verdict, adjusted_p=adjusted, sentence=text)


def _sentence(
    result: GuardrailResult, increase: float, adjusted: float, verdict: Verdict, policy: GatePolicy
) -> str:
    """`guardrail latency_p95 +31.0 %, 95 % interval +22.1 to +40.3 %, limit +20.0 %: fails`."""
    bounds = ""
    if result.interval is not None:
        low, high = (change_text(end) for end in (result.interval.low, result.interval.high))
        bounds = f", {policy.confidence * 100:g} % interval {low.removesuffix(' %')} to {high}"
    ends = {
        "PASS": "holds",
        "FAIL": f"fails (p = {adjusted:.2g} after Holm)",
        "INCONCLUSIVE": "above its limit, but not with confidence; more answers would decide",
    }
    grown, limit = change_text(increase, result.limit), change_text(result.limit)
    return f"guardrail {result.name} {grown}{bounds}, limit {limit}: {ends[verdict]}"
