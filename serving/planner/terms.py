"""The terms between a GPU's memory and the KV cache, in GiB per rank.

Activation is the peak of vLLM's profile run over max_num_batched_tokens (M) tokens: either its
dummy sampler pass over max_num_seqs (S) rows of the whole vocabulary (V; not sharded, hence the
same for every TP), or the widest moment of the forward pass. Sources: vLLM 0.19.0
gpu_model_runner.py (`profile_run`, `_dummy_sampler_run`), fused_moe.py (`workspace_shapes`).
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


@dataclass(frozen=True)
class Activation:
    """GiB: the larger of `sampler` and `forward`, and what lives beside either."""

    sampler: float
    forward: float
    workspace: float
    encoder: float
    pipeline: float
    scale: float

    @property
    def total(self) -> float:
        """The peak in GiB."""
        peak = max(self.sampler, self.forward)
        return self.scale * (peak + self.workspace + self.encoder + self.pipeline)


def activation(settings: Settings, *, is_last: bool = True) -> Activation:
    """The profile run's peak on a pipeline's last stage, or on one before it."""
    model, width, engine = settings.model, settings.width, settings.engine
    hidden = settings.max_num_batched_tokens * model.hidden_size * width / GIB
    rows = min(settings.max_num_seqs, settings.max_num_batched_tokens)
    logits = rows * padded_vocabulary(model) * (engine.sampler_bytes_per_logit + width) / GIB
    wide = settings.max_num_batched_tokens * forward_width(model, settings.tp) * width / GIB
    return Activation(
        sampler=logits + hidden if is_last else 0.0,
        forward=wide + engine.forward_hidden_buffers * hidden,
        workspace=_expert_workspace(settings),
        encoder=hidden if model.vision else 0.0,  # embeddings of the profiled images are kept
        pipeline=2 * hidden if settings.pp > 1 else 0.0,  # hidden states and residual between
        scale=engine.activation_scale,
    )


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
    captured = _CAPTURED_GPT_OSS / _CAPTURED if model.model_type == "gpt_oss" else 1.0
    return engine.graph_base_gib + layers * per_layer * captured


def late_gib(settings: Settings) -> float:
    """What is taken after the KV cache was sized, beside CUDA graphs."""
    quantization = settings.model.quantization
    is_mxfp4 = quantization is not None and quantization.method == "mxfp4"
    return settings.engine.mxfp4_late_gib if is_mxfp4 else 0.0
