"""What the candidate takes more or less than the live version: time, tokens, money, cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean, median

from django.db.models import Sum

from evals import measured, queries
from evals.domain.percent import change_text, percent
from evals.domain.statistics import PairedSample, mean_ratio, percentile_ratio
from evals.domain.suite import SuiteSpec
from evals.models import CaseResult, EvalRun
from registry.domain.policy import GatePolicy

#: Guardrail -> what it is to a reader.
_WATCHED = {
    "latency_p50": "time of an answer (median, ms)",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "cost": "cost of an answer (USD)",
}


@dataclass(frozen=True, slots=True)
class SideChange:
    """One figure of both arms over the same answers of a suite, as text.

    `change` is relative to the live version, with its interval where the answers can give one.
    """

    suite: str
    name: str
    live: str
    candidate: str
    change: str


def side_changes(run: EvalRun) -> tuple[SideChange, ...]:
    """Every figure that both arms have; none without a live version beside."""
    if run.baseline_id is None:
        return ()
    confidence = GatePolicy.from_json(run.policy_spec).confidence
    return tuple(
        line
        for key, suite in queries.suites_of(run).items()
        for line in _of_suite(run, key, suite, confidence)
    )


def _of_suite(run: EvalRun, key: int, suite: SuiteSpec, confidence: float) -> Iterator[SideChange]:
    for metric, words in _WATCHED.items():
        found = measured.sample(run, key, suite, metric)
        if found.candidate and min(*found.candidate, *found.baseline) > 0:
            sample = PairedSample(found.candidate, found.baseline, found.clusters)
            yield _line(suite.name, words, sample, confidence, is_median=metric.endswith("_p50"))
    yield from _cache(run, key, suite.name)


def _line(
    suite: str, name: str, sample: PairedSample, confidence: float, *, is_median: bool
) -> SideChange:
    if is_median:
        change = percentile_ratio(sample, 0.5, confidence)
        live, candidate = median(sample.baseline), median(sample.candidate)
    else:
        change = mean_ratio(sample, confidence)
        live, candidate = fmean(sample.baseline), fmean(sample.candidate)
    low, high = change.bounds.low, change.bounds.high
    bounds = ""
    if low is not None and high is not None:
        start = change_text(low - 1).removesuffix(" %")
        bounds = f" ({confidence * 100:g} % interval {start} to {change_text(high - 1)})"
    told = f"{change_text(change.value - 1)}{bounds}"
    return SideChange(suite, name, f"{live:,.4g}", f"{candidate:,.4g}", told)


def _cache(run: EvalRun, key: int, suite: str) -> Iterator[SideChange]:
    """The share of the prompt that the server's prefix cache had, of answers asked for just now."""
    both = CaseResult.objects.filter(
        run=run, item__suite_id=key, cached_tokens__isnull=False, from_cache=False
    ).filter(baseline__cached_tokens__isnull=False, baseline__from_cache=False)
    sums = both.order_by().aggregate(
        had=Sum("cached_tokens"),
        of=Sum("prompt_tokens"),
        live_had=Sum("baseline__cached_tokens"),
        live_of=Sum("baseline__prompt_tokens"),
    )
    if sums["of"] and sums["live_of"]:
        now, before = sums["had"] / sums["of"], sums["live_had"] / sums["live_of"]
        points = f"{(now - before) * 100:+.1f} points"
        yield SideChange(suite, "prefix cache hits", percent(before), percent(now), points)
