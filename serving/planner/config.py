"""config.json of a Hugging Face model -> Architecture. The file is hostile input.

Field meanings and defaults: the models' own configuration classes in Hugging Face Transformers
(`configuration_<model_type>.py`), which is also what vLLM reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from serving.planner.architecture import DTYPE_BYTES, Architecture, Attention, Experts, Mla
from serving.planner.errors import ModelConfigInvalidError, ModelNotPlannableError
from serving.planner.layer_kinds import attention_kinds
from serving.planner.positions import max_position, rope_tables
from serving.planner.quantization import parse_quantization
from serving.planner.reading import MOST_LAYERS, Section
from serving.planner.vision import parse_vision

LARGEST_CONFIG_BYTES = 1_000_000
_MEASURE = "measure it: start vLLM once and read `Available KV cache memory` in its log"

#: What a published config may leave out, because its configuration class fills it in.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "gemma": {"head_dim": 256, "tie_word_embeddings": True},
    "gemma2": {
        "head_dim": 256,
        "tie_word_embeddings": True,
        "sliding_window": 4096,
        "final_logit_softcapping": 30.0,
    },
    "gemma3_text": {
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131_072,
        "tie_word_embeddings": True,
        "sliding_window": 4096,
    },
    "llama4_text": {"interleave_moe_layer_step": 1, "attention_chunk_size": 8192},
    "gpt_oss": {"attention_bias": True},
    "deepseek_v2": {"first_k_dense_replace": 0},
}
#: Families whose query, key and value projections have a bias without the config saying so.
_QKV_BIAS = frozenset({"qwen2", "qwen2_moe", "phi", "phi-msft", "gpt_oss"})
_OUTPUT_BIAS = frozenset({"phi", "phi-msft", "gpt_oss"})
_FOUR_NORMS = frozenset({"gemma2", "gemma3_text"})
#: Keys that only models with recurrent state have.
_STATE_SPACE_KEYS = (
    "layers_block_type", "mamba_d_state", "mamba_n_heads", "ssm_state_size", "state_size",
    "linear_num_value_heads", "hybrid_override_pattern", "attn_layer_period",
)  # fmt: skip
#: Keys of models whose layers keep caches of several widths, or share them (Gemma 3n and 4, sparse
#: attention with an index of its own).
_UNEVEN_CACHE_KEYS = ("global_head_dim", "num_kv_shared_layers", "index_topk")


def parse_config(text: bytes | str, *, name: str = "") -> Architecture:
    """The architecture in the text of a config.json.

    Raises ModelConfigInvalidError (not JSON, a field missing or impossible) or
    ModelNotPlannableError (a kind of model whose memory the planner does not know).
    """
    if len(text) > LARGEST_CONFIG_BYTES:
        raise ModelConfigInvalidError(f"config.json is larger than {LARGEST_CONFIG_BYTES:,} bytes")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelConfigInvalidError(f"config.json is not JSON: {error}") from error
    return read_config(values, name=name)


def read_config(values: Any, *, name: str = "") -> Architecture:
    """The architecture in a loaded config.json; raises like `parse_config`."""
    if not isinstance(values, Mapping):
        raise ModelConfigInvalidError("config.json is not a JSON object")
    whole = Section(values)
    text = _with_defaults(whole)
    _refuse_unplannable(whole, text)
    hidden = text.count("hidden_size", "n_embd", "d_model", most=10**6)
    layers = text.count("num_hidden_layers", "n_layer", most=MOST_LAYERS)
    model_type = text.text("model_type", "unknown")
    attention = _attention(text, model_type, hidden, layers)
    experts = _experts(text, model_type, layers)
    rope_dims = attention.mla.qk_rope_head_dim if attention.mla else attention.head_dim
    return Architecture(
        name=name or whole.text("_name_or_path"),
        model_type=model_type,
        hidden_size=hidden,
        layers=layers,
        vocab_size=text.count("vocab_size"),
        intermediate_size=_dense_intermediate(text, hidden, experts),
        attention=attention,
        max_position=max_position(text, model_type),
        rope=rope_tables(text, model_type, rope_dims),
        dtype=_dtype(whole, text),
        is_gated_mlp=model_type not in {"phi", "phi-msft", "gpt2", "gpt_bigcode", "starcoder2"},
        has_mlp_bias=text.flag("mlp_bias", default=model_type in {"phi", "phi-msft"}),
        has_head_bias=model_type in {"phi", "phi-msft"},
        is_tied=_is_tied(whole, text),
        is_soft_capped=text.has("final_logit_softcapping"),
        norms_per_layer=4 if model_type in _FOUR_NORMS else 2,
        experts=experts,
        vision=parse_vision(whole, hidden),
        quantization=parse_quantization(whole) or parse_quantization(text),
    )


def _with_defaults(whole: Section) -> Section:
    """The language model's section (nested in multimodal models) over its class's defaults."""
    nested = next((s for s in map(whole.section, ("text_config", "llm_config")) if s), None)
    text = nested or whole
    given = {key: value for key, value in text.values.items() if value is not None}
    defaults = _DEFAULTS.get(text.text("model_type"), {})
    return Section({**defaults, **given}, text.path)


def _refuse_unplannable(whole: Section, text: Section) -> None:
    model_type = text.text("model_type", "unknown")
    if whole.flag("is_encoder_decoder", default=False):
        raise ModelNotPlannableError(f"`{model_type}` is an encoder-decoder model")
    found = [key for key in _STATE_SPACE_KEYS if text.has(key)]
    if found:
        raise ModelNotPlannableError(
            f"`{model_type}` has layers with recurrent state ({text.where(found[0])}), whose "
            "memory the planner does not know",
            hint=_MEASURE,
        )
    found = [key for key in _UNEVEN_CACHE_KEYS if text.values.get(key)]
    if found:
        raise ModelNotPlannableError(
            f"`{model_type}` has layers with caches of their own widths ({text.where(found[0])}), "
            "whose memory the planner does not know",
            hint=_MEASURE,
        )


def _attention(text: Section, model_type: str, hidden: int, layers: int) -> Attention:
    heads = text.count("num_attention_heads", "n_head", most=10_000)
    kv_heads = text.optional_count("num_key_value_heads", "n_head_kv", most=10_000) or heads
    if heads % kv_heads:
        raise ModelConfigInvalidError(
            f"{text.where('num_attention_heads')} {heads} in config.json is not a multiple of "
            f"num_key_value_heads {kv_heads}"
        )
    head_dim = text.optional_count("head_dim", most=100_000) or hidden // heads
    if head_dim < 1:
        raise ModelConfigInvalidError(
            f"{text.where('hidden_size')} {hidden} in config.json is less than its {heads} heads"
        )
    kinds, window = attention_kinds(text, model_type, layers)
    has_bias = text.flag("attention_bias", default=False)
    return Attention(
        heads,
        kv_heads,
        head_dim,
        kinds,
        window,
        qkv_bias=has_bias or model_type in _QKV_BIAS,
        output_bias=has_bias or model_type in _OUTPUT_BIAS,
        mla=_mla(text),
    )


def _mla(text: Section) -> Mla | None:
    if not text.has("kv_lora_rank"):
        return None
    return Mla(
        kv_lora_rank=text.count("kv_lora_rank", most=10**6),
        qk_rope_head_dim=text.count("qk_rope_head_dim", most=100_000),
        qk_nope_head_dim=text.count("qk_nope_head_dim", most=100_000),
        v_head_dim=text.count("v_head_dim", most=100_000),
        q_lora_rank=text.optional_count("q_lora_rank", most=10**6),
    )


_EXPERT_COUNT = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")


def _experts(text: Section, model_type: str, layers: int) -> Experts | None:
    count = text.optional_count(*_EXPERT_COUNT, most=100_000, least=0)
    sparse = _sparse_layers(text, layers)
    if not count or count == 1 or not sparse:
        return None
    active = text.count("num_experts_per_tok", "experts_per_token", "moe_topk", most=count)
    size = text.count("moe_intermediate_size", "intermediate_size", most=10**7)
    shared = text.optional_count("shared_expert_intermediate_size", most=10**7, least=0) or 0
    shared += (text.optional_count("n_shared_experts", most=1000, least=0) or 0) * size
    if model_type == "llama4_text":  # one shared expert of the same size as a routed one
        shared = size
    return Experts(count, active, size, sparse, shared, is_biased=model_type == "gpt_oss")


def _sparse_layers(text: Section, layers: int) -> int:
    """Layers with experts, of `layers`."""
    dense_first = text.optional_count("first_k_dense_replace", most=MOST_LAYERS, least=0) or 0
    step = text.optional_count(
        "interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_freq", most=MOST_LAYERS
    )
    only_dense = {i for i in text.counts("mlp_only_layers") or () if dense_first <= i < layers}
    return max(0, layers - dense_first - len(only_dense)) // (step or 1)


def _dense_intermediate(text: Section, hidden: int, experts: Experts | None) -> int:
    size = text.optional_count("intermediate_size_mlp", most=10**7) or text.optional_count(
        "intermediate_size", "n_inner", most=10**7
    )
    if size is None and experts is None and not text.has("n_embd"):
        return text.count("intermediate_size", most=10**7)
    return size or 4 * hidden  # GPT-2's rule where n_inner is null


def _is_tied(whole: Section, text: Section) -> bool:
    """Whether the output head shares the embedding's memory."""
    default = text.flag("tie_word_embeddings", default=False)
    return whole.flag("tie_word_embeddings", default=default)


def _dtype(whole: Section, text: Section) -> str:
    given = next(
        (
            section.text(key)
            for section in (whole, text)
            for key in ("torch_dtype", "dtype")
            if section.has(key)
        ),
        "bfloat16",
    )
    dtype = given.removeprefix("torch.")
    if dtype not in DTYPE_BYTES:
        raise ModelConfigInvalidError(
            f"torch_dtype in config.json is {dtype!r}, expected one of {', '.join(DTYPE_BYTES)}"
        )
    return dtype
