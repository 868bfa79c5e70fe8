"""Reading the prefix cache's counters out of what /metrics says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.metrics import MAX_LINE_CHARS, PrefixCacheCounters, prefix_cache_counters

VLLM = """\
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="tiny"} 1000.0
vllm:prefix_cache_queries_total{engine="1",model_name="tiny"} 500.0
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="tiny"} 1.76e+09
vllm:prefix_cache_hits_total{engine="0",model_name="tiny"} 250.0
vllm:prefix_cache_hits_total{engine="1",model_name="tiny"} 2.5e+01
vllm:external_prefix_cache_queries_total{engine="0",model_name="tiny"} 7.0
vllm:e2e_request_latency_seconds_bucket{le="0.3",model_name="tiny"} 12.0
"""
LLAMA = """\
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 35
# TYPE llamacpp:prompt_tokens_cached_total counter
llamacpp:prompt_tokens_cached_total 64
llamacpp:prompt_seconds_total 0.320332
"""


@pytest.mark.parametrize(
    ("text", "counters"),
    [
        pytest.param(VLLM, (1500, 275), id="vLLM, two engines"),
        pytest.param(VLLM.replace("_total", ""), (1500, 275), id="without the suffix"),
        pytest.param(VLLM + VLLM.replace("_total", ""), (1500, 275), id="both: counted once"),
        pytest.param(VLLM.replace("vllm:p", "vllm:gpu_p"), (1500, 275), id="vLLM before 2025-11"),
        pytest.param(LLAMA, (99, 64), id="llama.cpp: computed and reused"),
        pytest.param(LLAMA.replace("\n", "\r\n"), (99, 64), id="other line ends"),
    ],
)
def test_the_counters_of_each_server(text: str, counters: tuple[int, int]) -> None:
    assert prefix_cache_counters(text) == PrefixCacheCounters(*counters)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("llamacpp:prompt_tokens_total 35\n", id="older llama.cpp: reuse not counted"),
        pytest.param('vllm:prefix_cache_queries_total{engine="0"} 10\n', id="half of them"),
        pytest.param(VLLM.replace("250.0", "NaN"), id="no number"),
        pytest.param(VLLM.replace("250.0", "+Inf"), id="infinite"),
        pytest.param(VLLM.replace("250.0", "-1"), id="negative"),
        pytest.param(VLLM.replace('_hits_total{engine="0"', "_hits_total{engine=0"), id="broken"),
        pytest.param(VLLM.replace("tiny", "x" * MAX_LINE_CHARS), id="lines too long to be one"),
        pytest.param("<html>vllm:prefix_cache_hits_total 1</html>", id="a page"),
    ],
)
def test_what_cannot_be_told_is_none(text: str) -> None:
    assert prefix_cache_counters(text) is None


@given(st.text(alphabet='vlm:_totalprefixcachequeries{}"\\,=# 0123456789.e+-\n', max_size=300))
def test_whatever_a_server_writes_is_counters_or_none(text: str) -> None:
    lines = "\n".join(f"vllm:prefix_cache_queries_total{line}" for line in text.splitlines())
    for hostile in (text, lines):
        counters = prefix_cache_counters(hostile + "\nvllm:prefix_cache_hits_total 1\n")
        assert counters is None or counters.hits == 1


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), min_size=1, max_size=5))
def test_engines_are_added_up(engines: list[tuple[int, int]]) -> None:
    text = "".join(
        f'vllm:prefix_cache_queries_total{{engine="{n}"}} {queries}\n'
        f'vllm:prefix_cache_hits_total{{engine="{n}"}} {hits}\n'
        for n, (queries, hits) in enumerate(engines)
    )
    sums = (sum(column) for column in zip(*engines, strict=True))
    assert prefix_cache_counters(text) == PrefixCacheCounters(*sums)


def test_a_difference_is_what_happened_in_between() -> None:
    before, after = PrefixCacheCounters(100, 40), PrefixCacheCounters(160, 90)
    assert after.since(before) == PrefixCacheCounters(60, 50)
    assert before.since(after) is None  # the server was restarted: nothing can be said
