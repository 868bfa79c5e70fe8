"""How busy a server is, read out of what /metrics says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.load import EngineLoad, engine_load

#: Of a real vLLM; `make test-vllm` holds it to a fresh one.
RECORDED = Path(__file__).parents[2] / "integration" / "deploy" / "vllm-0.32.0-metrics.txt"
LLAMA = """\
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 1
"""


def test_a_recorded_scrape_of_vllm() -> None:
    assert engine_load(RECORDED.read_text(encoding="utf-8")) == EngineLoad(
        kv_use=0.0,
        running=0.0,
        waiting=0.0,
        ttft_seconds=200.17509245872498,
        ttft_count=79.0,
        prefix_queries=16060,
        prefix_hits=9216,
    )


def test_engines_of_one_server_are_added_up_and_the_fullest_cache_counts() -> None:
    text = "".join(
        f'vllm:kv_cache_usage_perc{{engine="{engine}"}} {use}\n'
        f'vllm:num_requests_running{{engine="{engine}"}} {running}\n'
        for engine, use, running in ((0, 0.25, 3), (1, 0.75, 4))
    )
    assert engine_load(text) == EngineLoad(kv_use=0.75, running=7.0)


def test_an_older_vllm_and_llama_cpp() -> None:
    assert engine_load("vllm:gpu_cache_usage_perc 0.5\n") == EngineLoad(kv_use=0.5)
    assert engine_load(LLAMA) == EngineLoad(running=2.0, waiting=1.0)


def test_longer_names_are_other_series() -> None:
    assert engine_load('vllm:num_requests_waiting_by_reason{reason="capacity"} 9\n') is None


@pytest.mark.parametrize("text", ["", "up 1\n", "vllm:num_requests_running NaN\n", "<html>"])
def test_what_says_nothing_of_it_is_none(text: str) -> None:
    assert engine_load(text) is None


@given(st.text(alphabet='vlm:_numrequestsing{}"\\,=# 0123456789.e+-\n', max_size=200))
def test_whatever_a_server_writes_is_a_load_or_none(text: str) -> None:
    lines = "\n".join(f"vllm:num_requests_running {line}" for line in text.splitlines())
    for hostile in (text, lines):
        load = engine_load(hostile + "\nvllm:num_requests_waiting 1\n")
        assert load is not None
        assert load.waiting == 1.0
        assert EngineLoad.from_json(json.loads(json.dumps(load.to_json()))) == load
