"""What the latency phases of a run measured."""

from __future__ import annotations

from collections.abc import Iterator

from assay.answers import EvalRun
from assay.answers.latency import LatencyArm, LatencyChange, LatencyLevel, LatencyPhase
from assay.report.texts import interval_text, rate_text
from assay.report.value import PercentileCell, TimeRow

#: The second arm, as a reader calls it.
_LIVE = "live"


def phase_times(run: EvalRun) -> Iterator[TimeRow]:
    """The metrics of every phase, level by level and arm by arm."""
    for suite, phase in run.latency.items():
        for level in phase.levels:
            for arm in level.arms:
                yield from _rows(suite, level, arm)


def _rows(suite: str, level: LatencyLevel, arm: LatencyArm) -> Iterator[TimeRow]:
    for metric in arm.summary.metrics:
        cells = (PercentileCell(p.q, p.value, p.low, p.high) for p in metric.percentiles)
        yield TimeRow(
            metric=metric.metric,
            arm=_name(arm),
            count=metric.count,
            percentiles=tuple(cells),
            suite=suite,
            concurrency=level.concurrency,
        )


def phase_remarks(run: EvalRun) -> Iterator[str]:
    """What the table of times does not say, in sentences."""
    for suite, phase in run.latency.items():
        for sentence in _sentences(phase):
            yield f"latency of {suite}: {sentence}"


def _sentences(phase: LatencyPhase) -> Iterator[str]:
    if phase.ended != "complete":
        yield "its time was over before every level was measured"
    if not phase.is_length_enforced:
        yield "answers have the length the model gave them, so times compare less well"
    for level in phase.levels:
        for sentence in (*_of_arms(level), *_of_level(level)):
            yield f"{level.concurrency} at once, {sentence}"
    for change in phase.changes:
        yield f"{change.concurrency} at once, {_change(change)}"


def _of_arms(level: LatencyLevel) -> Iterator[str]:
    for arm in level.arms:
        good = arm.summary.goodput
        if good is not None:
            kept = f"{good.good:,} of {good.requests:,} requests kept every objective"
            share = f"{rate_text(good.share)}, interval {interval_text(good.interval)}"
            yield f"{_name(arm)}: {kept} ({share})"
        if arm.summary.failed:
            yield f"{_name(arm)}: {arm.summary.failed:,} requests failed"


def _of_level(level: LatencyLevel) -> Iterator[str]:
    yield f"{level.summary.output_tokens_per_s:,.1f} output tokens per second"
    cache = level.prefix_cache
    if cache is not None and cache.queries:
        yield f"{rate_text(cache.hits / cache.queries)} of prompt tokens were in the prefix cache"


def _change(change: LatencyChange) -> str:
    what = f"p{change.quantile * 100:g} of {change.metric}"
    if change.low is None or change.high is None:
        bounds = "too few requests for an interval"
    else:
        bounds = f"between {_signed(change.low)} and {_signed(change.high)}"
    return f"{what} against the live version {_signed(change.change)} ({bounds})"


def _signed(share: float) -> str:
    return f"{share * 100:+.1f} %"


def _name(arm: LatencyArm) -> str:
    return _LIVE if arm.arm == "baseline" else arm.arm
