"""The terms between a GPU's memory and the KV cache, in GiB per rank.

Activation is the peak of vLLM's profile run over max_num_batched_tokens (M) tokens: either its
dummy sampler pass over max_num_seqs (S) rows of the whole vocabulary (V; not sharded, hence the
same for every TP), or the widest moment of the forward pass. Sources: vLLM 0.19.0
gpu_model_runner.py (`profile_run`, `_dummy_sampler_run`), fused_moe.py (`workspace_shapes`); vLLM
0.32.0 v1/worker/gpu (`model_runner.py`, `sample/penalties.py`, `cudagraph_utils.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.planner.architecture import Architecture
from serving.planner.request import Settings
from serving.planner.tensors import padded_vocabulary
from serving.planner.weights import GIB

#: Sizes `vllm serve` captures by itself: 1, 2, 4, 8..256 by 8, 272..512 by 16; gpt-oss up to 1024.
_CAPTURED = 51
_CAPTURED_GPT_OSS = 83
_LARGEST_CAPTURED = 512
_LARGEST_CAPTURED_GPT_OSS = 1024
#: Model Runner V2 keeps per sequence: counts of output tokens (int32) and a bit for each prompt
#: token over the vocabulary, and 36 KiB of allowed tokens, biases, stop and bad words (measured 35
#: to 37, and 50 for Gemma 2).
_STATE_BYTES_PER_LOGIT = 4 + 1 / 8
_STATE_BYTES_PER_SEQUENCE = 36 * 1024
#: cuBLAS takes its workspace in the profile run and keeps it (32 MiB on Hopper).
_CUBLAS_GIB = 32 / 1024
#: Hidden-size buffers alive in attention beside three of the queries and three of the keys: what is
#: left of the one model without a wide MLP (Qwen3-30B-A3B), to the byte.
_ATTENTION_HIDDEN_BUFFERS = 4


@dataclass(frozen=True)
class Activation:
    """GiB: the larger of `sampler` and `forward`, and what lives beside either; `state` stays."""

    sampler: float
    forward: float
    workspace: float
    encoder: float
    pipeline: float
    state: float
    scale: float

    @property
    def total(self) -> float:
        """The peak in GiB."""
        peak = max(self.sampler, self.forward)
        beside = self.workspace + self.encoder + self.pipeline + self.state
        return self.scale * (peak + beside)


def activation(settings: Settings, *, is_last: bool = True) -> Activation:
    """The profile run's peak on a pipeline's last stage, or on one before it."""
    model, width, engine = settings.model, settings.width, settings.engine
    hidden = settings.max_num_batched_tokens * model.hidden_size * width / GIB
    wide = settings.max_num_batched_tokens * forward_width(model, settings.tp) * width / GIB
    return Activation(
        sampler=_sampler(settings) + hidden if is_last else 0.0,
        forward=max(wide + engine.forward_hidden_buffers * hidden, _attention(settings)),
        workspace=_expert_workspace(settings),
        encoder=hidden if model.vision else 0.0,  # embeddings of the profiled images are kept
        pipeline=2 * hidden if settings.pp > 1 else 0.0,  # hidden states and residual between
        state=_state(settings),
        scale=engine.activation_scale,
    )


def _sampler(settings: Settings) -> float:
    """GiB of the logits of one token of each sequence, with what is computed from them."""
    model, engine, width = settings.model, settings.engine, settings.width
    rows = min(settings.max_num_seqs, settings.max_num_batched_tokens)
    vocabulary = padded_vocabulary(model)
    if engine.is_second_runner:  # capped logits are a copy; the profile run draws without a sort
        copies = 2 if model.is_soft_capped else 1
        return rows * (copies * vocabulary + model.hidden_size) * width / GIB
    return rows * vocabulary * (engine.sampler_bytes_per_logit + width) / GIB


def _attention(settings: Settings) -> float:
    """GiB at attention's peak, which is the forward pass's where no MLP is wider."""
    if not settings.engine.is_second_runner:
        return 0.0
    model, tp = settings.model, settings.tp
    shape = model.attention
    mla = shape.mla
    head = mla.qk_nope_head_dim + mla.qk_rope_head_dim if mla else shape.head_dim
    heads = shape.heads / tp + max(1.0, shape.kv_heads / tp)
    per_token = _ATTENTION_HIDDEN_BUFFERS * model.hidden_size + 3 * heads * head
    return settings.max_num_batched_tokens * per_token * settings.width / GIB


def _state(settings: Settings) -> float:
    """GiB that the second runner keeps beside the weights, on every rank."""
    if not settings.engine.is_second_runner:
        return 0.0
    of_vocabulary = settings.model.vocab_size * _STATE_BYTES_PER_LOGIT
    per_sequence = of_vocabulary + _STATE_BYTES_PER_SEQUENCE
    return settings.max_num_seqs * per_sequence / GIB + _CUBLAS_GIB


def forward_width(model: Architecture, tp: int) -> float:
    """Elements per token at the MLP's peak: gate, up and their product (up and its activation)."""
    buffers = 3 if model.is_gated_mlp else 2
    if model.dense_layers or model.experts is None:
        return buffers * model.intermediate_size / tp
    return buffers * model.experts.shared_intermediate_size / tp


def _expert_workspace(settings: Settings) -> float:
    """Two buffers of the fused experts' kernel, kept for all layers; MXFP4 has its own kernels."""
    experts = settings.model.experts
    quantization = settings.model.quantization
    if experts is None or (quantization and quantization.method == "mxfp4"):
        return 0.0
    hidden, inner = settings.model.hidden_size, experts.intermediate_size / settings.tp
    per_row = max(inner, hidden) + max(2 * inner, hidden)
    rows = settings.max_num_batched_tokens * experts.active
    return rows * per_row * settings.width / GIB


def non_torch_gib(settings: Settings) -> float:
    """What the driver's and the communication libraries' buffers take on a rank."""
    engine = settings.engine
    if settings.pp > 1 and settings.tp == 1:
        return engine.pipeline_non_torch_gib
    extra = dict(engine.family_non_torch_gib).get(settings.model.model_type, 0.0)
    return engine.non_torch_gib.at(settings.tp) + extra


def graph_gib(settings: Settings, layers: int) -> float:
    """CUDA graphs of a rank with `layers` layers."""
    engine, model = settings.engine, settings.model
    per_layer = engine.graph_per_layer_gib
    if model.experts:
        per_layer += engine.graph_per_expert_layer_gib
    if engine.is_second_runner:
        return (engine.graph_base_gib + layers * per_layer) * _captured_share(settings)
    captured = _CAPTURED_GPT_OSS / _CAPTURED if model.model_type == "gpt_oss" else 1.0
    return engine.graph_base_gib + layers * per_layer * captured


def _captured_share(settings: Settings) -> float:
    """Graphs over those of a default start: every size in pieces, and whole up to max_num_seqs."""
    is_gpt_oss = settings.model.model_type == "gpt_oss"
    largest = _LARGEST_CAPTURED_GPT_OSS if is_gpt_oss else _LARGEST_CAPTURED
    largest = min(largest, 2 * settings.max_num_seqs, settings.max_num_batched_tokens)
    whole = min(largest, settings.max_num_seqs)
    return (_captured_sizes(largest) + _captured_sizes(whole)) / (2 * _CAPTURED)


def _captured_sizes(largest: int) -> int:
    """How many sizes of 1, 2, 4, 8..256 by 8 and from 272 by 16 are at most `largest`."""
    small = sum(size <= largest for size in (1, 2, 4))
    return small + min(largest, 256) // 8 + max(0, largest - 256) // 16


def late_gib(settings: Settings) -> float:
    """What is taken after the KV cache was sized, beside CUDA graphs."""
    quantization = settings.model.quantization
    is_mxfp4 = quantization is not None and quantization.method == "mxfp4"
    return settings.engine.mxfp4_late_gib if is_mxfp4 else 0.0
