"""What a model server says about its prefix cache under /metrics (Prometheus' text format).

Counters of prompt tokens since the server started; the difference of two readings is what happened
in between, by whomever. Names, all in tokens:

* vLLM: `vllm:prefix_cache_queries` and `…_hits` (vllm/v1/metrics/loggers.py); on the wire with
  `_total`, before November 2025 as `vllm:gpu_prefix_cache_…`. Engines of one server are added up.
* llama.cpp: `llamacpp:prompt_tokens_total` (those computed) and `…prompt_tokens_cached_total`.

A server without them is nothing unusual: the answer is None, never an error.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from core.errors import AssayError
from serving.client import ModelClient

PATH = "/metrics"
TIMEOUT_SECONDS = 5.0
#: A line of one counter has a name and a few labels; the parser is slow on what is no such line.
MAX_LINE_CHARS = 4096
MAX_LINES = 1000
#: Beyond it a float counts no more.
_MOST = 2**53
_VLLM_FAMILIES = ("vllm:prefix_cache", "vllm:gpu_prefix_cache")
_COMPUTED, _CACHED = "llamacpp:prompt_tokens_total", "llamacpp:prompt_tokens_cached_total"
_PREFIXES = (*_VLLM_FAMILIES, _COMPUTED, _CACHED)


@dataclass(frozen=True, slots=True)
class PrefixCacheCounters:
    """Prompt tokens that were looked up in the prefix cache, and those of them found there."""

    queries: int
    hits: int

    def since(self, earlier: PrefixCacheCounters) -> PrefixCacheCounters | None:
        """What was counted after `earlier`; None when a counter went back (a restart, or another
        server behind the same address).
        """
        queries, hits = self.queries - earlier.queries, self.hits - earlier.hits
        if queries < 0 or hits < 0:
            return None
        return PrefixCacheCounters(queries, hits)


async def read_prefix_cache(client: ModelClient) -> PrefixCacheCounters | None:
    """The counters of the client's server now; None when it gives none within 5 seconds.

    `/metrics` is looked for beside `/v1`, not under it, and takes no seat of a chat.
    """
    with suppress(AssayError, TimeoutError):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            page = await client.page(PATH)
        return prefix_cache_counters(page.decode(errors="replace"))
    return None


def prefix_cache_counters(text: str) -> PrefixCacheCounters | None:
    """The counters in a whole answer of /metrics; None when they are absent or no counts."""
    found = samples(text, _PREFIXES)
    totals = {name: sum(map(int, values)) for name, values in found.items()}
    for family in _VLLM_FAMILIES:
        queries, hits = _counter(totals, f"{family}_queries"), _counter(totals, f"{family}_hits")
        if queries is not None and hits is not None:
            return PrefixCacheCounters(queries, hits)
    computed, cached = totals.get(_COMPUTED), totals.get(_CACHED)
    if computed is None or cached is None:  # older llama.cpp does not count what it reused
        return None
    return PrefixCacheCounters(computed + cached, cached)


def samples(text: str, prefixes: tuple[str, ...]) -> dict[str, list[float]]:
    """The values of all series by name, of the lines that begin with one of `prefixes`; none is
    below 0. A name with a value that is no such number is left out.
    """
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, list[float]] = defaultdict(list)
    spoilt: set[str] = set()
    for line in _wanted_lines(text, prefixes):
        try:
            told = [s for family in text_string_to_metric_families(line) for s in family.samples]
        except (ValueError, IndexError, KeyError):
            spoilt.add(line.partition("{")[0].split()[0])
            continue
        for sample in told:
            if 0 <= sample.value <= _MOST:  # NaN is neither
                found[sample.name].append(sample.value)
            else:
                spoilt.add(sample.name)
    return {name: values for name, values in found.items() if name not in spoilt}


def _wanted_lines(text: str, prefixes: tuple[str, ...]) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    wanted = [line for line in lines if line.startswith(prefixes)]
    return [line for line in wanted[:MAX_LINES] if len(line) <= MAX_LINE_CHARS]


def _counter(totals: Mapping[str, int], name: str) -> int | None:
    """With the suffix that the wire format adds, or without."""
    return totals.get(f"{name}_total", totals.get(name))
