"""What the results of a run come to, suite by suite: the figures the gate weighs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, F, Q

from evals import queries
from evals.domain.gate import Advisory, CaseTally, GuardrailSample, PairedCase
from evals.domain.latency import LatencyReport
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.models import CaseResult, EvalRun
from evals.quarantine import active_quarantine
from evals.scoring import is_advisory
from evals.verdict import SuiteResults
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy

_OUTCOME = CaseResult.Outcome
#: What a guardrail watches, by the first part of its name.
_COLUMNS = {
    "latency": ("total_ms",),
    "ttft": ("ttft_ms",),
    "tpot": ("total_ms", "ttft_ms", "completion_tokens"),
    "tokens": ("prompt_tokens", "completion_tokens"),
    "cost": ("prompt_tokens", "completion_tokens"),
    "prompt": ("prompt_tokens",),
    "completion": ("completion_tokens",),
}
#: The metric of a latency phase that stands for it.
_PHASE_METRICS = {"latency": "e2e_ms", "ttft": "ttft_ms", "tpot": "tpot_ms"}


class _Counts(NamedTuple):
    """How the repeats of one case went, in both arms. A row of the database as it comes."""

    passes: int
    failures: int
    errors: int
    critical_failures: int
    baseline_passes: int
    baseline_failures: int
    baseline_errors: int
    skipped: int


def results_by_suite(run: EvalRun, policy: GatePolicy, now: datetime) -> tuple[SuiteResults, ...]:
    """The figures of a run, suite by suite."""
    counted = _counted(run)
    found = []
    for key, suite in queries.suites_of(run).items():
        cases = [(case, counted[key][case.key]) for case in suite.cases if case.key in counted[key]]
        found.append(
            SuiteResults(
                suite=suite,
                tallies=tuple(_tally(suite, case, counts) for case, counts in cases),
                pairs=tuple(_pairs(suite, cases)) if run.baseline_id else None,
                clusters={case.key: suite.cluster_of(case) for case, _ in cases},
                advisories=tuple(_advisories(suite, run.advisory)),
                quarantine=active_quarantine(run.prompt_name, suite.name, now),
                now=now,
                skipped=tuple(case.key for case, counts in cases if counts.skipped),
                baseline_errors=tuple(c.key for c, counts in cases if counts.baseline_errors),
                guardrails=_samples(run, key, suite, policy) if run.baseline_id else None,
            )
        )
    return tuple(found)


def as_of(now: datetime, run: EvalRun, results: Sequence[SuiteResults]) -> tuple[SuiteResults, ...]:
    """The same figures with what is in quarantine now: once no answer is missing, all else in them
    is final.
    """
    return tuple(
        replace(part, quarantine=active_quarantine(run.prompt_name, part.suite.name, now), now=now)
        for part in results
    )


def _advisories(suite: SuiteSpec, advisory: Mapping[str, str]) -> Iterator[Advisory]:
    told = set()
    for case in suite.cases:
        for check in suite.checks_of(case):
            if not is_advisory(suite, check, advisory):
                continue
            # One name may stand for a judge here and for another check or judge there.
            asked = (check.name, check.params["judge"])
            if asked not in told:
                told.add(asked)
                yield Advisory(*asked, reason=advisory[f"{suite.name}/{asked[1]}"])


def _counted(run: EvalRun) -> dict[int, dict[str, _Counts]]:
    counted: dict[int, dict[str, _Counts]] = defaultdict(dict)
    rows = (
        CaseResult.objects.filter(run=run)
        .values_list("item__suite_id", "case")
        .annotate(
            passes=Count("pk", filter=Q(outcome=_OUTCOME.PASS)),
            failures=Count("pk", filter=Q(outcome=_OUTCOME.FAIL)),
            errors=Count("pk", filter=Q(outcome=_OUTCOME.ERROR)),
            critical_failures=Count("pk", filter=Q(critical_failure=True)),
            baseline_passes=Count("pk", filter=Q(baseline__outcome=_OUTCOME.PASS)),
            baseline_failures=Count("pk", filter=Q(baseline__outcome=_OUTCOME.FAIL)),
            baseline_errors=Count("pk", filter=Q(baseline__outcome=_OUTCOME.ERROR)),
            skipped=Count("pk", filter=Q(baseline__outcome=_OUTCOME.SKIPPED)),
        )
        .order_by()
    )
    for suite, case, *counts in rows:  # in the order of the fields
        counted[suite][case] = _Counts._make(counts)
    return counted


def _tally(suite: SuiteSpec, case: CaseSpec, counts: _Counts) -> CaseTally:
    return CaseTally(
        key=case.key,
        critical=case.critical,
        repeats_expected=suite.repeats_of(case),
        passes=counts.passes,
        failures=counts.failures,
        errors=counts.errors,
        critical_failures=counts.critical_failures,
    )


def _pairs(suite: SuiteSpec, cases: list[tuple[CaseSpec, _Counts]]) -> Iterator[PairedCase]:
    """The cases that both arms answered in every repeat. The live version may have variables that
    the suite no longer fills in: it is then taken to be right.
    """
    for case, counts in cases:
        repeats = suite.repeats_of(case)
        if (
            counts.passes + counts.failures == repeats
            and counts.baseline_passes + counts.baseline_failures + counts.skipped == repeats
        ):
            yield PairedCase(
                key=case.key,
                cluster=suite.cluster_of(case),
                candidate=counts.passes / repeats,
                # What cannot be compared must not speak for the candidate.
                baseline=(counts.baseline_passes + counts.skipped) / repeats,
                repeats=repeats,
            )


def _samples(
    run: EvalRun, key: int, suite: SuiteSpec, policy: GatePolicy
) -> tuple[GuardrailSample, ...]:
    """What each guardrail watches; times come from the suite's latency phase if it has one."""
    report = run.latency.get(suite.name)
    timed = LatencyReport.from_json(report) if report else None
    return tuple(
        _timed_sample(timed, rail.name)
        if timed and rail.name.partition("_")[0] in _PHASE_METRICS
        else sample(run, key, suite, rail.name)
        for rail in policy.guardrails
    )


def _timed_sample(report: LatencyReport, name: str) -> GuardrailSample:
    found = report.for_guardrails(_PHASE_METRICS[name.partition("_")[0]])
    if found is None:
        return GuardrailSample(name, (), ())
    return GuardrailSample(
        name, tuple(found.candidate), tuple(found.baseline), tuple(found.clusters)
    )


def sample(run: EvalRun, key: int, suite: SuiteSpec, name: str) -> GuardrailSample:
    """Both arms' figures for a guardrail, of the answers that have them in both. `key` is the
    suite's row.
    """
    together = {case.key: suite.cluster_of(case) for case in suite.cases}
    columns = _COLUMNS[name.partition("_")[0]]
    fields = [*columns, *(f"baseline__{column}" for column in columns)]
    both = {f"{field}__isnull": False for field in fields}
    asked = (_OUTCOME.PASS, _OUTCOME.FAIL)
    rows = (
        CaseResult.objects.filter(run=run, item__suite_id=key, **both)
        .filter(outcome__in=asked, baseline__outcome__in=asked)
        .order_by("item__position")
        .values_list("case", *(F(field) for field in fields))
    )
    if name.startswith("tpot_"):  # an answer of one token has no time between tokens
        rows = rows.filter(completion_tokens__gt=1, baseline__completion_tokens__gt=1)
    figure = _figure(run, name, len(columns))
    candidate, baseline, clusters = [], [], []
    for case, *figures in rows:
        half = len(columns)
        candidate.append(figure(figures[:half]))
        baseline.append(figure(figures[half:]))
        clusters.append(together[case])
    return GuardrailSample(name, tuple(candidate), tuple(baseline), tuple(clusters))


def _figure(run: EvalRun, name: str, columns: int) -> Callable[[Sequence[float]], float]:
    """From the columns of an answer to what the guardrail watches."""
    if name.startswith("tpot_"):
        return _tpot
    weights = _weights(run, name, columns)
    return lambda values: sum(w * x for w, x in zip(weights, values, strict=True))


def _tpot(values: Sequence[float]) -> float:
    """Milliseconds per output token after the first one."""
    total, ttft, tokens = values
    return (total - ttft) / (tokens - 1)


def _weights(run: EvalRun, name: str, columns: int) -> tuple[float, ...]:
    """Prices turn tokens into USD; everything else counts as it is."""
    if name != "cost":
        return (1.0,) * columns
    pin = ModelPin.from_json(run.model.pin)
    return (pin.price_prompt / 1_000_000, pin.price_completion / 1_000_000)
