"""What of a model decides its memory: plain numbers, read once from config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from serving.planner.quantization import Quantization

Kind = Literal["full", "sliding", "chunked"]
DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


@dataclass(frozen=True)
class Mla:
    """Multi-head latent attention (DeepSeek-V2): one compressed vector per token and layer."""

    kv_lora_rank: int
    qk_rope_head_dim: int
    qk_nope_head_dim: int
    v_head_dim: int
    q_lora_rank: int | None


@dataclass(frozen=True)
class Attention:
    """Heads of every layer. `kinds` has one entry per layer; `window` is in tokens."""

    heads: int
    kv_heads: int
    head_dim: int
    kinds: tuple[Kind, ...]
    window: int | None = None
    qkv_bias: bool = False
    output_bias: bool = False
    mla: Mla | None = None


@dataclass(frozen=True)
class Experts:
    """The mixture of experts in `layers` of the layers; the others are dense."""

    count: int
    active: int
    intermediate_size: int
    layers: int
    shared_intermediate_size: int = 0
    is_biased: bool = False


@dataclass(frozen=True)
class Rope:
    """The cos/sin tables vLLM keeps on every rank: [positions, dims] in the model's dtype."""

    positions: int
    dims: int


@dataclass(frozen=True)
class Vision:
    """A vision tower (ViT) and what joins it to the language model, in parameters.

    The layers are sharded over the ranks; the projector is in some models only.
    """

    layer_parameters: int
    layers: int
    other_parameters: int
    projector_parameters: int
    is_projector_sharded: bool = False


@dataclass(frozen=True)
class Architecture:
    """Shapes of one model. Sizes are elements, lengths tokens."""

    name: str
    model_type: str
    hidden_size: int
    layers: int
    vocab_size: int
    intermediate_size: int
    attention: Attention
    max_position: int
    rope: Rope
    dtype: str = "bfloat16"
    is_gated_mlp: bool = True
    has_mlp_bias: bool = False
    has_head_bias: bool = False
    is_tied: bool = False
    is_soft_capped: bool = False
    norms_per_layer: int = 2
    experts: Experts | None = None
    vision: Vision | None = None
    quantization: Quantization | None = None

    @property
    def dtype_bytes(self) -> int:
        """Bytes of one element of the published dtype."""
        return DTYPE_BYTES[self.dtype]

    @property
    def dense_layers(self) -> int:
        """Layers with an ordinary MLP."""
        return self.layers - (self.experts.layers if self.experts else 0)
