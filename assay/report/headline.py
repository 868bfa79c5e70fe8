"""A run in a few lines: what was measured, the verdict, and why."""

from __future__ import annotations

from collections.abc import Iterator

from assay.answers import EvalRun, Forecast
from assay.output import one_line, version
from assay.report.texts import dollars_text, interval_text, points_text, rate_text


def verdict_word(run: EvalRun) -> str:
    """PASS and the like; where there is none (yet), how the run stands."""
    return run.verdict or run.status


def subject(run: EvalRun) -> str:
    """What was measured, on which model, beside what."""
    beside = ""
    if run.is_self_comparison:
        beside = " against itself"
    elif run.baseline is not None:
        beside = f" against {version(run.baseline)}"
    return one_line(f"{run.prompt} {version(run.version)}{beside} on {run.model}")


def headline(run: EvalRun) -> str:
    """One line: `PASS  support-chat v4 on smollm2: 57 of 60 cases, 95.0% (interval …)`."""
    return f"{verdict_word(run)}  {subject(run)}: {standing(run)}"


def run_lines(run: EvalRun) -> Iterator[str]:
    """The headline, the reasons or the forecast, and the evidence."""
    yield headline(run)
    for reason in run.reasons:
        yield f"  - {one_line(reason)}"
    for judge, why in run.advisory.items():
        yield f"  {one_line(judge)} decides nothing: {one_line(why)}"
    if not run.is_over and run.forecast is not None:
        yield from forecast_lines(run.forecast)
    if run.cached:
        yield f"  from earlier runs: {run.cached:,} answers"
    if run.certificate:
        yield f"  certificate {one_line(run.certificate)}"
    yield f"  run {one_line(run.run)}"


def forecast_lines(plan: Forecast) -> Iterator[str]:
    """What a run takes and what it can decide, a line each."""
    yield f"  cases: {plan.cases:,}"
    yield f"  requests: {plan.requests:,}"
    if plan.judge_requests:
        yield f"  judge requests: {plan.judge_requests:,}"
    yield f"  tokens: {plan.tokens:,}"
    yield f"  cost: {dollars_text(plan.cost_usd)}"
    yield f"  minutes: {'not known yet' if plan.minutes is None else f'{plan.minutes:,.1f}'}"
    yield f"  can decide: {'yes' if plan.decidable else 'no'}; {one_line(plan.detectable)}"
    if plan.detectable_drop is not None:
        drop = points_text(plan.detectable_drop).lstrip("+")
        yield f"  smallest detectable drop: {drop} (80 % power)"
    if plan.detectable_margin is not None:
        margin = points_text(plan.detectable_margin).lstrip("+")
        yield f"  smallest margin an equal candidate passes: {margin} (80 % power)"


def standing(run: EvalRun) -> str:
    """The figures so far, in a clause."""
    if run.is_self_comparison and run.status == "finished":
        rate, flips = run.measured.flip_rate, run.measured.flips
        if rate is None:
            return "not every case was answered twice, so nothing is known"
        return f"{flips} of {run.cases} cases came out differently: flip rate {rate_text(rate)}"
    if run.verdict is None:
        result = "no flip rate" if run.is_self_comparison else "no verdict"
        return f"{run.progress.done} of {run.progress.total} answers, {result} yet"
    return f"{_figures(run)} (gate {one_line(run.policy)} of {one_line(run.tag)})"


def _figures(run: EvalRun) -> str:
    text = f"{run.cases} cases" if run.passed is None else f"{run.passed} of {run.cases} cases"
    if run.pass_rate is None or run.interval is None:
        return text
    text = f"{text}, {rate_text(run.pass_rate)} (interval {interval_text(run.interval)})"
    corrected = [found.corrected for found in run.measured.suites if found.corrected]
    if not corrected:
        return text
    bounds = interval_text(corrected[0].interval)
    if corrected[0].method == "bounds":
        return f"{text}, whatever its judges did {bounds}"
    return f"{text}, corrected {rate_text(corrected[0].value)} (interval {bounds})"
