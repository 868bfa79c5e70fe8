"""The `latency:` section of a suite file."""

from __future__ import annotations

from typing import Any

from evals.domain.latency.spec import LatencySpec, Slo
from registry.domain.fields import Fields

__all__ = ["LatencySpec", "Slo", "read_latency"]

MAX_LEVELS = 8
MAX_CONCURRENCY = 1024
MAX_REQUESTS = 5_000
MAX_WARMUP = 1_000
MAX_TOKENS = 4_096
MAX_SECONDS = 6 * 3600.0
#: Of all levels, for each arm; what a report of a few MiB can hold.
MAX_ALL_REQUESTS = 20_000
#: Of one level, for each arm: the gaps between tokens are held in memory until it ends.
MAX_LEVEL_TOKENS = 500_000
_MOST_MILLISECONDS = 86_400_000.0
_KEYS = ("concurrency", "requests", "warmup", "max_tokens", "ignore_eos", "slo", "max_seconds")
_DEFAULT = LatencySpec()


def read_latency(suite: Fields) -> LatencySpec | None:
    """The section as a value; None when it is absent. What is wrong becomes findings.

    An empty mapping asks for everything as by default.
    """
    if "latency" not in suite:
        return None
    fields = suite.mapping("latency", _KEYS)
    spec = LatencySpec(
        concurrency=_levels(fields),
        requests=fields.integer("requests", _DEFAULT.requests, 1, MAX_REQUESTS),
        warmup=fields.integer("warmup", _DEFAULT.warmup, 0, MAX_WARMUP),
        max_tokens=fields.integer("max_tokens", _DEFAULT.max_tokens, 1, MAX_TOKENS),
        ignore_eos=fields.boolean("ignore_eos", default=_DEFAULT.ignore_eos),
        slo=_slo(fields),
        max_seconds=fields.number("max_seconds", _DEFAULT.max_seconds, 1, MAX_SECONDS),
    )
    _check_size(fields, spec)
    return spec


def _levels(fields: Fields) -> tuple[int, ...]:
    if "concurrency" not in fields:
        return _DEFAULT.concurrency
    raw = fields.items("concurrency")
    if not isinstance(fields.values["concurrency"], list):
        return _DEFAULT.concurrency  # reported by `items`
    if not 1 <= len(raw) <= MAX_LEVELS:
        message = f"`concurrency` lists 1 to {MAX_LEVELS} levels."
        fields.wrong("concurrency", "bad_value", message)
        return _DEFAULT.concurrency
    good = [value for index, value in enumerate(raw) if _is_level(fields, index, value)]
    return tuple(good) or _DEFAULT.concurrency


def _is_level(fields: Fields, index: int, value: Any) -> bool:
    at = (*fields.at, "concurrency", index)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_CONCURRENCY:
        message = f"A level is a whole number from 1 to {MAX_CONCURRENCY:,}."
        fields.source.report(at, "bad_value", message, hint="requests on their way at once")
        return False
    if value in fields.items("concurrency")[:index]:
        fields.source.report(at, "bad_value", f"The level {value} is given twice.")
        return False
    return True


def _slo(fields: Fields) -> Slo:
    limits = fields.mapping("slo", ("ttft_ms", "tpot_ms", "e2e_ms"))
    return Slo(*(_limit(limits, name) for name in ("ttft_ms", "tpot_ms", "e2e_ms")))


def _limit(limits: Fields, name: str) -> float | None:
    return limits.number(name, 0.0, 0.001, _MOST_MILLISECONDS) if name in limits else None


def _check_size(fields: Fields, spec: LatencySpec) -> None:
    if spec.requests_per_arm > MAX_ALL_REQUESTS:
        message = (
            f"{spec.requests_per_arm:,} requests for each arm with the warm-up; "
            f"at most {MAX_ALL_REQUESTS:,} are sent."
        )
        fields.source.report(fields.at, "latency_too_large", message, hint="fewer levels")
    tokens = spec.requests * spec.max_tokens
    if tokens > MAX_LEVEL_TOKENS:
        message = (
            f"`requests` times `max_tokens` is {tokens:,}; "
            f"a level measures at most {MAX_LEVEL_TOKENS:,} tokens."
        )
        fields.source.report(fields.at, "latency_too_large", message)
