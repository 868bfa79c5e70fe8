"""What a server says against what is pinned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.domain.model_pin import ModelPin
from registry.domain.served import differences
from serving.served import Served

PIN = ModelPin(
    "tiny",
    "tiny-chat",
    revision="r1",
    engine="vLLM",
    engine_version="v0.32",
    max_context=8192,
    quantization="fp8",
)
SERVED = Served(
    is_reachable=True,
    is_healthy=True,
    ids=("tiny-chat", "other"),
    engine="vllm",
    version="0.32.0+cpu",
    max_context=8192,
)


def test_a_server_that_serves_what_is_pinned_differs_in_nothing() -> None:
    assert differences(PIN, SERVED) == ()


def test_what_a_server_or_a_pin_does_not_say_is_no_difference() -> None:
    assert differences(PIN, Served(is_reachable=True)) == ()
    assert differences(ModelPin("tiny", "tiny-chat"), SERVED) == ()


@pytest.mark.parametrize(
    ("served", "sentence"),
    [
        ({"ids": ("a", "b")}, "tiny is pinned as 'tiny-chat', and the server has a, b"),
        (
            {"ids": tuple("abcdefg")},
            "tiny is pinned as 'tiny-chat', and the server has a, b, c, d, e and 2 more",
        ),
        ({"engine": "llama.cpp"}, "tiny is pinned on vLLM, and llama.cpp answers"),
        ({"version": "0.31.2"}, "tiny is pinned on vLLM v0.32, and 0.31.2 answers"),
        (
            {"max_context": 2048},
            "tiny is pinned with a context of 8192 tokens, and the server has 2048",
        ),
    ],
)
def test_each_difference_is_one_sentence(served: dict[str, object], sentence: str) -> None:
    assert differences(PIN, replace(SERVED, **served)) == (sentence,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pinned", "served"),
    [("xllamacpp 2026.10", "b0-unknown"), ("nightly", "0.32.0"), ("0.32.0", ""), ("", "0.32.0")],
)
def test_versions_that_cannot_be_compared_are_not(pinned: str, served: str) -> None:
    assert differences(replace(PIN, engine_version=pinned), replace(SERVED, version=served)) == ()


def test_quantizations_are_compared_where_both_use_llama_cpps_names() -> None:
    pin = replace(PIN, engine="llama.cpp", engine_version="", quantization="Q4_1")
    on = replace(SERVED, engine="llama.cpp", version="", quantization="Q8_0")
    [sentence] = differences(pin, on)
    assert sentence == "tiny is pinned with the quantization Q4_1, and the server has Q8_0"
    assert differences(replace(pin, quantization="Q4_K_M"), on) == ()
    assert differences(pin, replace(on, quantization="q4_1")) == ()
