"""What latency phases measured, as the server summed it up. Times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Percentile:
    """One percentile. A bound is None where so few values cannot give one."""

    q: float
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one arm; its name ends with the unit, as in `ttft_ms`."""

    metric: str
    count: int
    mean: float
    percentiles: tuple[Percentile, ...]


@dataclass(frozen=True, slots=True)
class Goodput:
    """`good` of `requests` kept every objective, with the interval of the share."""

    good: int
    requests: int
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """One arm at one level. `cached_share`: of the prompts' tokens, what the server had cached;
    None when it does not say. `goodput` is None without objectives.
    """

    requests: int
    failed: int
    has_one_length: bool
    cached_share: float | None
    metrics: tuple[Metric, ...]
    goodput: Goodput | None


@dataclass(frozen=True, slots=True)
class LatencyArm:
    """`candidate` or `baseline`, and its figures."""

    arm: str
    summary: ArmSummary


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """Prompt tokens the server looked up in its prefix cache, and those it found."""

    queries: int
    hits: int


@dataclass(frozen=True, slots=True)
class LevelSummary:
    """What the server gave to all arms together."""

    output_tokens_per_s: float


@dataclass(frozen=True, slots=True)
class LatencyLevel:
    """One level of concurrency. `prefix_cache` is None where the server does not count."""

    concurrency: int
    seconds: float
    arms: tuple[LatencyArm, ...]
    prefix_cache: PrefixCache | None
    summary: LevelSummary


@dataclass(frozen=True, slots=True)
class LatencyChange:
    """Candidate over baseline minus 1: 0.2 is 20 % slower. Bounds None: not enough requests."""

    metric: str
    quantile: float
    concurrency: int
    pairs: int
    candidate: float
    baseline: float
    change: float
    low: float | None
    high: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class LatencyPhase:
    """The phase of one suite. `ended` is `complete` or `time_limit`.

    `is_length_enforced` says that every answer was made as long as the next.
    """

    levels: tuple[LatencyLevel, ...]
    ended: str
    is_length_enforced: bool
    seconds: float
    confidence: float
    changes: tuple[LatencyChange, ...] = ()
