"""How busy a model server is, as it says under /metrics (Prometheus' text format).

Gauges are of the moment; counters count since the server started, and the difference of two
readings is what happened in between. Names:

* vLLM: `vllm:kv_cache_usage_perc` (a share, in spite of its name; older ones say
  `vllm:gpu_cache_usage_perc`), `vllm:num_requests_running`, `vllm:num_requests_waiting`, the sum
  and count of `vllm:time_to_first_token_seconds` (vllm/v1/metrics/loggers.py). Engines of one
  server are added up; of their KV caches the fullest counts.
* llama.cpp: `llamacpp:requests_processing`, `llamacpp:requests_deferred`, and in builds that still
  have it `llamacpp:kv_cache_usage_ratio`.
* The prefix cache's counters are those of `serving.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from serving.metrics import prefix_cache_counters, samples

_KV = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "llamacpp:kv_cache_usage_ratio")
_RUNNING = ("vllm:num_requests_running", "llamacpp:requests_processing")
_WAITING = ("vllm:num_requests_waiting", "llamacpp:requests_deferred")
_TTFT = "vllm:time_to_first_token_seconds"
_TTFT_SUM, _TTFT_COUNT = (f"{_TTFT}_sum",), (f"{_TTFT}_count",)
#: With what follows the name, so that longer names are not meant.
_PREFIXES = tuple(
    name + mark
    for name in (*_KV, *_RUNNING, *_WAITING, *_TTFT_SUM, *_TTFT_COUNT)
    for mark in ("{", " ")
)


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """One reading; None is what the server does not tell.

    `kv_use` is the share of the KV cache that is taken, 0 to 1; `running` and `waiting` are
    requests. The others are counters: seconds to the first token and the requests they are of,
    prompt tokens that were looked up in the prefix cache and those found there.
    """

    kv_use: float | None = None
    running: float | None = None
    waiting: float | None = None
    ttft_seconds: float | None = None
    ttft_count: float | None = None
    prefix_queries: int | None = None
    prefix_hits: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(**value)


def engine_load(text: str) -> EngineLoad | None:
    """The load in a whole answer of /metrics; None when it tells nothing of it."""
    found = samples(text, _PREFIXES)
    prefix = prefix_cache_counters(text)
    load = EngineLoad(
        kv_use=_first(found, _KV, max),
        running=_first(found, _RUNNING, sum),
        waiting=_first(found, _WAITING, sum),
        ttft_seconds=_first(found, _TTFT_SUM, sum),
        ttft_count=_first(found, _TTFT_COUNT, sum),
        prefix_queries=prefix.queries if prefix else None,
        prefix_hits=prefix.hits if prefix else None,
    )
    return None if load == EngineLoad() else load


def _first(
    found: Mapping[str, list[float]],
    names: Iterable[str],
    together: Callable[[list[float]], float],
) -> float | None:
    values = next((found[name] for name in names if name in found), None)
    return None if values is None else together(values)
