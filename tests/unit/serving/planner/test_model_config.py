"""config.json is read as published, and refused with what, where and what to do."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AssayError
from serving.planner.config import parse_config, read_config
from serving.planner.errors import ModelConfigInvalidError, ModelNotPlannableError

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
}


def test_a_plain_model() -> None:
    model = parse_config(json.dumps(LLAMA), name="llama")
    assert (model.attention.kv_heads, model.attention.head_dim) == (8, 128)
    assert set(model.attention.kinds) == {"full"}
    assert not model.is_tied
    assert model.experts is None


def test_the_language_model_may_be_nested_and_lean_on_its_class() -> None:
    text = {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "sliding_window": 1024,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
    }
    model = read_config({"model_type": "gemma3", "text_config": text, "torch_dtype": "bfloat16"})
    assert model.vocab_size == 262_208
    assert model.is_tied
    assert model.attention.kinds.count("full") == 5
    assert model.max_position == 131_072
    assert model.rope.positions == 9 * 131_072


def test_the_scaling_of_each_kind_of_layer_is_read_as_transformers_5_writes_it() -> None:
    """Without it the table of vLLM 0.32.0 would be 448 MiB too small (7.35 for 7.82 GiB)."""
    config = LLAMA | {
        "model_type": "gemma3_text",
        "sliding_window": 1024,
        "rope_parameters": {
            "full_attention": {"factor": 8.0, "rope_type": "linear", "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        },
    }
    assert read_config(config).rope.positions == 9 * 131_072


def test_latent_attention_and_experts() -> None:
    model = read_config(
        LLAMA
        | {
            "model_type": "deepseek_v3",
            "kv_lora_rank": 512,
            "qk_rope_head_dim": 64,
            "qk_nope_head_dim": 128,
            "v_head_dim": 128,
            "n_routed_experts": 64,
            "n_shared_experts": 2,
            "num_experts_per_tok": 6,
            "moe_intermediate_size": 1408,
            "first_k_dense_replace": 1,
        }
    )
    assert model.attention.mla
    assert model.experts
    assert (model.experts.layers, model.experts.shared_intermediate_size) == (31, 2816)


def test_a_window_that_is_named_but_not_used() -> None:
    qwen = LLAMA | {"model_type": "qwen2", "sliding_window": 131_072, "use_sliding_window": False}
    assert set(read_config(qwen).attention.kinds) == {"full"}
    assert set(read_config(LLAMA | {"sliding_window": 4096}).attention.kinds) == {"sliding"}


@pytest.mark.parametrize(
    ("section", "bits", "group"),
    [
        ({"quant_method": "fp8"}, 8, None),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8, 128 * 128),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 4, 128),
        ({"quant_method": "awq", "w_bit": 4, "group_size": -1}, 4, None),
        ({"quant_method": "mxfp4"}, 4, 32),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
                "ignore": ["lm_head"],
            },
            8,
            None,
        ),
    ],
)
def test_ways_to_store_weights(section: dict[str, Any], bits: int, group: int | None) -> None:
    quantization = read_config(LLAMA | {"quantization_config": section}).quantization
    assert quantization
    assert (quantization.weight_bits, quantization.group_size) == (bits, group)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": None}, "no hidden_size"),
        ({"hidden_size": -1}, "hidden_size in config.json is -1"),
        ({"hidden_size": True}, "hidden_size in config.json is True"),
        ({"hidden_size": 10**300}, "expected a whole number from 1 to"),
        ({"hidden_size": float("nan")}, "expected a whole number"),
        ({"num_hidden_layers": "many"}, "num_hidden_layers in config.json is 'many'"),
        ({"num_key_value_heads": 5}, "32 in config.json is not a multiple of"),
        ({"layer_types": ["full_attention"]}, "has 1 entries for 32 layers"),
        ({"torch_dtype": "int3"}, "torch_dtype"),
        ({"text_config": []}, "text_config in config.json is []"),
        ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [0]}}, "two whole"),
        ({"num_local_experts": 8, "num_experts_per_tok": 9}, "from 1 to 8"),
    ],
)
def test_a_broken_file_is_refused_with_the_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelConfigInvalidError) as refused:
        read_config(LLAMA | change)
    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"is_encoder_decoder": True},
        {"layer_types": ["linear_attention"] * 32},
        {"mamba_d_state": 128},
        {"model_type": "gemma4_text", "global_head_dim": 512},
        {"quantization_config": {"quant_method": "bitsandbytes"}},
    ],
)
def test_what_the_planner_does_not_know_is_not_guessed(change: dict[str, Any]) -> None:
    with pytest.raises(ModelNotPlannableError):
        read_config(LLAMA | change)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"a": ', "[" * 100_000, b"\xff\xfe\x00", " " * 10**7]
)
def test_what_is_no_config_is_refused(text: str | bytes) -> None:
    with pytest.raises(ModelConfigInvalidError):
        parse_config(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    *LLAMA, "text_config", "vision_config", "head_dim", "rope_scaling", "sliding_window",
    "layer_types", "quantization_config", "num_local_experts", "num_experts_per_tok",
    "kv_lora_rank", "first_k_dense_replace", "decoder_sparse_step", "partial_rotary_factor",
    "attention_chunk_size", "tie_word_embeddings", "config_groups", "use_sliding_window",
)  # fmt: skip


@given(values | st.dictionaries(st.sampled_from(KEYS), values))
def test_any_json_is_read_or_refused_with_a_typed_error(config: Any) -> None:
    with suppress(AssayError):
        read_config(config)


@given(st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=3))
def test_any_change_of_a_good_file_is_read_or_refused(changes: dict[str, Any]) -> None:
    with suppress(AssayError):
        read_config(LLAMA | changes)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_refused_with_a_typed_error(text: bytes | str) -> None:
    with pytest.raises(ModelConfigInvalidError):
        parse_config(text)
