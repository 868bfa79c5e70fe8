"""What a latency phase measured, level by level and arm by arm; the run stores it as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

from evals.domain.latency.change import RelativeChange, relative_change
from evals.domain.latency.goodput import Goodput, goodput
from evals.domain.latency.spec import LatencySpec, Slo
from evals.domain.latency.summary import MetricSummary, summarise
from evals.domain.latency.timing import Timing
from evals.domain.statistics import PairedSample

CANDIDATE = "candidate"
BASELINE = "baseline"
#: Metrics with a value a request, in the order they are shown.
METRICS = ("ttft_ms", "tpot_ms", "e2e_ms", "tokens_per_s")
#: What the arms are compared by.
COMPARED = tuple((metric, q) for metric in ("ttft_ms", "tpot_ms", "e2e_ms") for q in (0.5, 0.95))
_COLUMNS = tuple(field.name for field in fields(Timing) if field.name != "itl_ms")

Ended = Literal["complete", "time_limit"]


@dataclass(frozen=True, slots=True)
class ErrorTally:
    """How often requests failed in one way. `message` is that of the first."""

    code: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class PrefixCacheUse:
    """Prompt tokens the server looked up in its prefix cache, and those it found there.

    Whoever else used the server meanwhile is counted too.
    """

    queries: int
    hits: int

    @property
    def hit_rate(self) -> float | None:
        """0 to 1; None when nothing was looked up."""
        return self.hits / self.queries if self.queries else None


@dataclass(frozen=True)
class ArmReport:
    """One arm at one level. `timings` are the whole answers in the order they ended, without
    their gaps; `itl` sums those up, without an interval: gaps of one answer depend on each other.
    """

    arm: str
    timings: tuple[Timing, ...]
    errors: tuple[ErrorTally, ...]
    itl: MetricSummary

    @classmethod
    def of(cls, arm: str, timings: Sequence[Timing], errors: Sequence[ErrorTally]) -> ArmReport:
        """Sum the gaps up and let go of them."""
        gaps = (gap for timing in timings for gap in timing.itl_ms)
        bare = tuple(replace(timing, itl_ms=()) for timing in timings)
        return cls(arm, bare, tuple(errors), summarise("itl_ms", gaps, None))

    @property
    def failed(self) -> int:
        """Requests that gave no whole answer."""
        return sum(error.count for error in self.errors)

    @property
    def requests(self) -> int:
        """Requests that ended, well or not."""
        return len(self.timings) + self.failed

    @property
    def output_tokens(self) -> int:
        """Of all whole answers."""
        return sum(timing.output_tokens for timing in self.timings)

    @property
    def has_one_length(self) -> bool:
        """Whether all answers have as many tokens: only then are they like for like."""
        return len({timing.output_tokens for timing in self.timings}) == 1

    @property
    def cached_share(self) -> float | None:
        """Share of the prompts' tokens that the server says it had; None when it does not say."""
        told = [timing for timing in self.timings if timing.cached_tokens is not None]
        prompt = sum(timing.prompt_tokens for timing in told)
        return sum(timing.cached_tokens or 0 for timing in told) / prompt if prompt else None

    def values(self, metric: str) -> list[float]:
        """One of METRICS of every whole answer that has it."""
        found = (getattr(timing, metric) for timing in self.timings)
        return [value for value in found if value is not None]

    def summaries(self, confidence: float) -> tuple[MetricSummary, ...]:
        """The table of this arm: METRICS with intervals, then the gaps without."""
        rows = (summarise(metric, self.values(metric), confidence) for metric in METRICS)
        return (*rows, self.itl)

    def goodput(self, slo: Slo, confidence: float) -> Goodput | None:
        """Share of the requests that kept every objective; None without objectives."""
        return goodput(self.timings, self.failed, slo, confidence)


@dataclass(frozen=True)
class LevelReport:
    """One level. `seconds` are those of the measured part, `prefix_cache` None where the server
    does not count.
    """

    concurrency: int
    arms: tuple[ArmReport, ...]
    seconds: float
    prefix_cache: PrefixCacheUse | None = None

    def arm(self, name: str) -> ArmReport | None:
        """The arm called `name`; None when it did not take part."""
        return next((arm for arm in self.arms if arm.arm == name), None)

    @property
    def output_tokens_per_s(self) -> float:
        """What the server gave to all arms together."""
        tokens = sum(arm.output_tokens for arm in self.arms)
        return tokens / self.seconds if self.seconds > 0 else 0.0

    def paired(self, metric: str, failed_ms: float | None = None) -> PairedSample | None:
        """The times of both arms in the pairs that both answered, clustered by question where one
        was asked twice; None when there are none.

        With `failed_ms` a request that only the candidate failed took that long.
        """
        candidate, baseline = self._by_pair(CANDIDATE, metric), self._by_pair(BASELINE, metric)
        if candidate and failed_ms is not None:
            lost = baseline.keys() - self._answered(CANDIDATE)
            candidate |= {pair: (failed_ms, baseline[pair][1]) for pair in lost}
        both = sorted(candidate.keys() & baseline.keys())
        if not both:
            return None
        questions = tuple(str(baseline[pair][1]) for pair in both)
        return PairedSample(
            tuple(candidate[pair][0] for pair in both),
            tuple(baseline[pair][0] for pair in both),
            questions if len(set(questions)) < len(questions) else (),
        )

    def changes(self, confidence: float) -> tuple[RelativeChange, ...]:
        """The candidate against the baseline by COMPARED; nothing without a baseline."""
        found = (
            relative_change(
                metric,
                self.paired(metric),
                quantile,
                confidence=confidence,
                concurrency=self.concurrency,
            )
            for metric, quantile in COMPARED
        )
        return tuple(change for change in found if change is not None)

    def _answered(self, name: str) -> set[int]:
        arm = self.arm(name)
        return set() if arm is None else {timing.pair for timing in arm.timings}

    def _by_pair(self, name: str, metric: str) -> dict[int, tuple[float, int]]:
        """(value, question) of every pair in which this arm has the metric."""
        arm = self.arm(name)
        timings = () if arm is None else arm.timings
        values = {timing.pair: (getattr(timing, metric), timing.question) for timing in timings}
        return {pair: found for pair, found in values.items() if found[0] is not None}


@dataclass(frozen=True)
class LatencyReport:
    """The whole phase. `ended` time_limit: what could not be measured in time is not there.

    `is_length_enforced` says that the engine was told to answer with exactly `max_tokens` tokens.
    """

    spec: LatencySpec
    levels: tuple[LevelReport, ...]
    ended: Ended
    is_length_enforced: bool
    seconds: float
    confidence: float = 0.95

    @property
    def is_complete(self) -> bool:
        """Whether every level was measured to its end."""
        return self.ended == "complete"

    @cached_property
    def changes(self) -> tuple[RelativeChange, ...]:
        """Candidate against baseline at every level."""
        return tuple(c for level in self.levels for c in level.changes(self.confidence))

    def for_guardrails(self, metric: str) -> PairedSample | None:
        """What the gate's guardrails weigh, in milliseconds: the pairs of the level with the
        highest concurrency.

        A request that only the candidate failed counts as one that took all the time the phase
        has: what is left without it would flatter a server that gives up on what takes long. None
        when the phase is not complete, or there is nothing to compare.
        """
        if not self.is_complete:
            return None
        busiest = max(self.levels, key=lambda level: level.concurrency)
        return busiest.paired(metric, failed_ms=self.spec.max_seconds * 1000)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value.

        What stands under `summary` and `changes` is computed, for readers that do not compute.
        """
        return {
            "spec": self.spec.to_json(),
            "levels": [self._level(level) for level in self.levels],
            "ended": self.ended,
            "is_length_enforced": self.is_length_enforced,
            "seconds": self.seconds,
            "confidence": self.confidence,
            "changes": [change.to_json() for change in self.changes],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencyReport:
        """Read what `to_json` wrote."""
        return cls(
            spec=LatencySpec.from_json(data["spec"]),
            levels=tuple(_read_level(level) for level in data["levels"]),
            ended=data["ended"],
            is_length_enforced=data["is_length_enforced"],
            seconds=data["seconds"],
            confidence=data["confidence"],
        )

    def _level(self, level: LevelReport) -> dict[str, Any]:
        cache = level.prefix_cache
        return {
            "concurrency": level.concurrency,
            "seconds": level.seconds,
            "prefix_cache": None
            if cache is None
            else {"queries": cache.queries, "hits": cache.hits},
            "arms": [self._arm(arm) for arm in level.arms],
            "summary": {"output_tokens_per_s": level.output_tokens_per_s},
        }

    def _arm(self, arm: ArmReport) -> dict[str, Any]:
        good = arm.goodput(self.spec.slo, self.confidence)
        return {
            "arm": arm.arm,
            "timings": {name: [getattr(t, name) for t in arm.timings] for name in _COLUMNS},
            "errors": [
                {"code": e.code, "message": e.message, "count": e.count} for e in arm.errors
            ],
            "itl": arm.itl.to_json(),
            "summary": {
                "requests": arm.requests,
                "failed": arm.failed,
                "has_one_length": arm.has_one_length,
                "cached_share": arm.cached_share,
                "metrics": [row.to_json() for row in arm.summaries(self.confidence)],
                "goodput": None if good is None else good.to_json(),
            },
        }


def _read_level(data: Mapping[str, Any]) -> LevelReport:
    cache = data["prefix_cache"]
    return LevelReport(
        concurrency=data["concurrency"],
        arms=tuple(_read_arm(arm) for arm in data["arms"]),
        seconds=data["seconds"],
        prefix_cache=None if cache is None else PrefixCacheUse(cache["queries"], cache["hits"]),
    )


def _read_arm(data: Mapping[str, Any]) -> ArmReport:
    columns = (data["timings"][name] for name in _COLUMNS)
    return ArmReport(
        arm=data["arm"],
        timings=tuple(Timing(*row) for row in zip(*columns, strict=True)),
        errors=tuple(ErrorTally(e["code"], e["message"], e["count"]) for e in data["errors"]),
        itl=MetricSummary.from_json(data["itl"]),
    )
