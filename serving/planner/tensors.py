"""Every weight tensor of one rank, with the shapes vLLM gives them (fused, padded, sharded).

Source: the model classes of vLLM 0.19.0 (model_executor/models) and its parallel layers:
query, key and value are one tensor, so are gate and up; the experts of a layer are one tensor;
the vocabulary is padded to 64; key/value heads are repeated when there are fewer than ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from serving.planner import mxfp4
from serving.planner.architecture import Architecture
from serving.planner.mxfp4 import round_up
from serving.planner.quantization import Quantization

VOCABULARY_PADDING = 64


@dataclass(frozen=True)
class Tensor:
    """`copies` tensors of `bytes` each; `group` is the line of the explanation they go to."""

    group: str
    bytes: float
    copies: int


def padded_vocabulary(model: Architecture) -> int:
    """Rows of the embedding and of the logits."""
    return round_up(model.vocab_size, VOCABULARY_PADDING)


def rank_tensors(model: Architecture, tp: int, *, layers: int, width: int) -> Iterator[Tensor]:
    """The tensors of one rank of `tp` that holds `layers` of the layers (pipeline parallel).

    `width` is bytes of an unquantised element. Embedding and head are not here: see `ends`.
    """
    share = layers / model.layers
    yield from _attention(model, tp, layers, width)
    yield from _dense(model, tp, round(model.dense_layers * share), width)
    if model.experts:
        yield from _experts(model, tp, round(model.experts.layers * share), width)
    yield Tensor("norms", model.hidden_size * width, model.norms_per_layer * layers + 1)
    yield Tensor("rotary tables", model.rope.positions * model.rope.dims * width, 1)
    if model.vision:
        yield from _vision(model, tp, width)


def ends(model: Architecture, tp: int, width: int) -> Iterator[Tensor]:
    """The embedding and the output head (the same memory in tied models)."""
    rows = padded_vocabulary(model) // tp
    yield Tensor("embedding", rows * model.hidden_size * width, 1)
    if not model.is_tied:
        quantization = model.quantization
        if quantization and quantization.lm_head and quantization.method == "compressed-tensors":
            yield Tensor("head", quantization.bytes_of(rows, model.hidden_size), 1)
        else:
            yield Tensor("head", rows * model.hidden_size * width, 1)


def _linear(
    quantization: Quantization | None, rows: int, columns: int, width: int, *, bias: bool = False
) -> float:
    size = rows * columns * width if quantization is None else quantization.bytes_of(rows, columns)
    return size + (rows * width if bias else 0)


def _attention(model: Architecture, tp: int, layers: int, width: int) -> Iterator[Tensor]:
    attention, hidden = model.attention, model.hidden_size
    quantization = _of_linear(model)
    if attention.mla:
        yield from _latent(model, tp, layers, width)
        return
    local = attention.heads // tp + 2 * max(1, attention.kv_heads // tp)
    rows = local * attention.head_dim
    yield Tensor(
        "attention", _linear(quantization, rows, hidden, width, bias=attention.qkv_bias), layers
    )
    columns = attention.heads // tp * attention.head_dim
    yield Tensor(
        "attention",
        _linear(quantization, hidden, columns, width, bias=attention.output_bias),
        layers,
    )


def _latent(model: Architecture, tp: int, layers: int, width: int) -> Iterator[Tensor]:
    """MLA: compressed query and key/value projections (vLLM mla_attention.py)."""
    mla, hidden, quantization = model.attention.mla, model.hidden_size, _of_linear(model)
    assert mla is not None
    heads = model.attention.heads // tp
    query = heads * (mla.qk_nope_head_dim + mla.qk_rope_head_dim)
    shapes = [
        (mla.kv_lora_rank + mla.qk_rope_head_dim, hidden),
        (heads * (mla.qk_nope_head_dim + mla.v_head_dim), mla.kv_lora_rank),
        (hidden, heads * mla.v_head_dim),
    ]
    shapes += (
        [(mla.q_lora_rank, hidden), (query, mla.q_lora_rank)]
        if mla.q_lora_rank
        else [(query, hidden)]
    )
    for rows, columns in shapes:
        yield Tensor("attention", _linear(quantization, rows, columns, width), layers)
    if quantization:  # W_UK and W_UV are views of kv_b_proj, but of an unquantised copy of it
        rows = heads * (mla.qk_nope_head_dim + mla.v_head_dim)
        yield Tensor("absorbed projections", rows * mla.kv_lora_rank * width, layers)


def _dense(model: Architecture, tp: int, layers: int, width: int) -> Iterator[Tensor]:
    if layers:
        yield from _mlp(model, model.intermediate_size // tp, layers, width, "mlp")


def _mlp(model: Architecture, inner: int, layers: int, width: int, group: str) -> Iterator[Tensor]:
    fused = 2 if model.is_gated_mlp else 1
    bias, quantization = model.has_mlp_bias, _of_linear(model)
    yield Tensor(
        group, _linear(quantization, fused * inner, model.hidden_size, width, bias=bias), layers
    )
    yield Tensor(group, _linear(quantization, model.hidden_size, inner, width, bias=bias), layers)


def _experts(model: Architecture, tp: int, layers: int, width: int) -> Iterator[Tensor]:
    experts, hidden = model.experts, model.hidden_size
    assert experts is not None
    inner = experts.intermediate_size // tp
    quantization = model.quantization
    if quantization and quantization.method == "mxfp4":
        for size in mxfp4.expert_bytes(experts, hidden, tp).values():
            yield Tensor("experts", size, layers)
    else:
        up = _linear(quantization, 2 * inner, hidden, width, bias=experts.is_biased)
        down = _linear(quantization, hidden, inner, width, bias=experts.is_biased)
        yield Tensor("experts", experts.count * up, layers)
        yield Tensor("experts", experts.count * down, layers)
    yield Tensor("router", experts.count * model.hidden_size * width, layers)
    if experts.shared_intermediate_size:
        yield from _mlp(model, experts.shared_intermediate_size // tp, layers, width, "experts")


def _vision(model: Architecture, tp: int, width: int) -> Iterator[Tensor]:
    vision = model.vision
    assert vision is not None
    quantization = model.quantization
    per_weight = quantization.weight_bits / 8 if quantization and quantization.vision else width
    yield Tensor("vision tower", vision.layer_parameters / tp * per_weight, vision.layers)
    yield Tensor("vision tower", vision.other_parameters * width, 1)
    ranks = tp if vision.is_projector_sharded else 1
    yield Tensor("vision tower", vision.projector_parameters / ranks * width, 1)


def _of_linear(model: Architecture) -> Quantization | None:
    """How ordinary linear layers are stored."""
    quantization = model.quantization
    return None if quantization and quantization.experts_only else quantization
