"""The tables of a report, as every format but JSON and JUnit shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay.answers import Comparison, Guardrail
from assay.answers.reports import CheckRate, ScoreVariance, Usage
from assay.report.texts import (
    dollars_text,
    interval_text,
    percentile_text,
    points_text,
    rate_text,
    seconds_text,
    short_seconds_text,
    spread_text,
)
from assay.report.value import Report, SuiteRow, TimeRow


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. Cells are text of any origin: whoever shows them must escape them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(report: Report) -> Iterator[Grid]:
    """The tables that have something in them."""
    makers = (_suites, _comparisons, _guardrails, _checks, _times, _variances)
    return (grid for grid in (make(report) for make in makers) if grid.rows)


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """What the run was and took, as (name, value)."""
    run, usage = report.run, report.usage
    yield "run", run.run
    yield "gate", f"{run.policy} of {run.tag}"
    yield "answers", f"{run.progress.done:,} of {run.progress.total:,}"
    if run.progress.errors:
        yield "errors", f"{run.progress.errors:,}"
    yield "from earlier runs", f"{usage.cached_answers:,} answers"
    yield "tokens", f"{usage.prompt_tokens:,} read, {usage.completion_tokens:,} written"
    yield from _costs(usage)
    yield from _prefix_cache(usage, report.confidence)
    if usage.seconds is not None:
        yield "time", seconds_text(usage.seconds)
    for judge, why in run.advisory.items():
        yield "decides nothing", f"{judge}: {why}"
    if run.certificate:
        yield "certificate", run.certificate


def _prefix_cache(usage: Usage, confidence: float) -> Iterator[tuple[str, str]]:
    cache = usage.prefix_cache
    if cache is None or cache.rate is None:
        if usage.prompt_tokens > usage.judge_prompt_tokens:
            yield "prefix cache", "not known: the server does not say what it had cached"
        return
    tokens = f"{cache.cached_tokens:,} of {cache.prompt_tokens:,} prompt tokens"
    yield "prefix cache", f"{rate_text(cache.rate)}, {tokens}"
    saved = cache.prefill_saved
    if saved is None:
        yield "prefill saved", f"not known: {cache.prefill_unknown or 'the server does not tell'}"
        return
    low, high = saved.interval
    between = f"{confidence * 100:g} %: {short_seconds_text(low)} to {short_seconds_text(high)}"
    slope = f"{saved.ms_per_token:.3g} ms a token by the times to the first token"
    told = f"{short_seconds_text(saved.seconds)} in all requests together ({between}), {slope}"
    yield "prefill saved", told


def _costs(usage: Usage) -> Iterator[tuple[str, str]]:
    cost = usage.cost
    parts = {
        "the model": cost.model_usd,
        "latency phases": cost.latency_usd,
        "judges": cost.judges_usd,
    }
    known = [f"{dollars_text(usd)} {name}" for name, usd in parts.items() if usd]
    unknown = [name for name, usd in parts.items() if usd is None]
    if not unknown:
        told = f" ({', '.join(known)})" if len(known) > 1 else ""
        yield "cost", f"{dollars_text(cost.total_usd)}{told}"
    else:
        beside = f"{', '.join(known)}; " if known else ""
        yield "cost", f"{beside}not known for {', '.join(unknown)}: no price, or several"
    if usage.planned_cost_usd is not None:
        yield "planned cost", dollars_text(usage.planned_cost_usd)


def _suites(report: Report) -> Grid:
    columns = ("suite", "verdict", "passed", "rate", _between(report))
    if not any(row.corrected for row in report.suites):
        return Grid("Suites", columns, tuple(map(_suite, report.suites)))
    # What the gate counts where judges decide; the rate before it is as they said it.
    rows = tuple((*_suite(row), *_corrected(row)) for row in report.suites)
    return Grid("Suites", (*columns, "corrected", _between(report)), rows)


def _corrected(row: SuiteRow) -> tuple[str, str]:
    found = row.corrected
    if found is None:
        return "-", "-"
    value = rate_text(found.value) if found.method == "rogan-gladen" else "-"
    return value, interval_text(found.interval)


def _between(report: Report) -> str:
    return f"between ({report.confidence * 100:g} %)"


def _suite(row: SuiteRow) -> tuple[str, ...]:
    passed = f"{row.passed:,} of {row.cases:,}"
    rate, interval = rate_text(row.pass_rate), interval_text(row.interval)
    return (row.name, row.verdict or "-", passed, rate, interval)


def _comparisons(report: Report) -> Grid:
    columns = ("suite", "candidate", "live", "difference", _between(report), "worse", "better")
    found = ((row.name, row.comparison) for row in report.suites)
    rows = tuple(_compared(name, compared) for name, compared in found if compared is not None)
    return Grid("Against the live version", (*columns, "p", "margin"), rows)


def _compared(suite: str, found: Comparison) -> tuple[str, ...]:
    between = f"{found.interval.low * 100:+.1f} to {found.interval.high * 100:+.1f}"
    return (
        *(suite, rate_text(found.candidate_rate), rate_text(found.baseline_rate)),
        *(points_text(found.difference), between),
        *(f"{found.regressions:,}", f"{found.improvements:,}", f"{found.p_value:.2g}"),
        "-" if found.margin is None else points_text(-found.margin),
    )


def _checks(report: Report) -> Grid:
    columns = ("suite", "check", "type", "cases", "rate", _between(report), "live", "score", "")
    return Grid("Checks", columns, tuple(map(_check, report.checks)))


def _check(row: CheckRate) -> tuple[str, ...]:
    marks = [mark for mark, holds in _marks(row) if holds]
    return (
        *(row.suite, row.name, row.type, f"{row.cases:,}"),
        *(rate_text(row.pass_rate), interval_text(row.interval), rate_text(row.baseline_rate)),
        *("-" if row.score is None else f"{row.score:.3f}", ", ".join(marks)),
    )


def _marks(row: CheckRate) -> Sequence[tuple[str, bool]]:
    return (("critical", row.critical), ("decides nothing", not row.decides))


def _guardrails(report: Report) -> Grid:
    columns = ("suite", "guardrail", "verdict", "increase", "between", "limit", "p (Holm)")
    rows = (_guardrail(suite.name, rail) for suite in report.suites for rail in suite.guardrails)
    return Grid("Guardrails", columns, tuple(rows))


def _guardrail(suite: str, rail: Guardrail) -> tuple[str, ...]:
    between = "-"
    if rail.interval is not None:
        between = f"{rail.interval.low * 100:+.1f} to {rail.interval.high * 100:+.1f} %"
    increase = "-" if rail.increase is None else f"{rail.increase * 100:+.1f} %"
    limit = f"{rail.limit * 100:+.1f} %"
    return (suite, rail.name, rail.verdict, increase, between, limit, f"{rail.adjusted_p:.2g}")


def _times(report: Report) -> Grid:
    quantiles = sorted({cell.quantile for row in report.times for cell in row.percentiles})
    names = tuple(f"p{quantile * 100:g}" for quantile in quantiles)
    rows = tuple(_time(row, quantiles) for row in report.times)
    return Grid("Times", ("metric", "load", "arm", "answers", *names), rows)


def _time(row: TimeRow, quantiles: Sequence[float]) -> tuple[str, ...]:
    load = "the run" if row.suite is None else f"{row.suite}, {row.concurrency} at once"
    cells = {c.quantile: percentile_text(c.value, c.low, c.high) for c in row.percentiles}
    return (row.metric, load, row.arm, f"{row.count:,}", *(cells.get(q, "-") for q in quantiles))


def _variances(report: Report) -> Grid:
    columns = ("suite", "of", "cases", "between cases", "between answers", "between judgements")
    title = "Spread of scores: standard deviation, and share of the variance of the mean"
    return Grid(title, columns, tuple(map(_variance, report.variances)))


def _variance(row: ScoreVariance) -> tuple[str, ...]:
    parts = (
        (row.case, row.case_share),
        (row.generation, row.generation_share),
        (row.judge, row.judge_share),
    )
    return (row.suite, row.of, f"{row.cases:,}", *(spread_text(*part) for part in parts))
