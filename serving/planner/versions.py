"""What differs between vLLM versions: one constant per term, with its source. Never a row's answer.

Measured: vLLM 0.19.0 on one H100-80GB node, accuracy runs published with llm-d-planner
(llm-d-incubation/llm-d-planner#205); vLLM 0.32.0 on one NVIDIA H200, by us in November 2026, with
torch 2.11.0 and dummy weights. Read: the vLLM 0.19.0 and 0.32.0 sources. Versions between and
around are computed with the nearest constants, and their plans carry a wider interval.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from serving.planner.errors import EngineVersionUnknownError

DEFAULT_VERSION = "0.32.0"


#: Families (model_type of the language model) with measured starts in the two sources above.
_FAMILIES_019 = frozenset(
    "llama qwen2 qwen2_moe qwen3 qwen3_moe gemma2 gemma3_text granite llama4_text phi phi3 mixtral "
    "mistral deepseek_v2 deepseek_v3 gpt_oss".split()
)
_FAMILIES_032 = frozenset({"llama", "qwen3", "qwen3_moe", "gemma2"})


@dataclass(frozen=True)
class ByRanks:
    """A constant in GiB that depends on the tensor-parallel size: (ranks, value), ascending."""

    values: tuple[tuple[int, float], ...]

    def at(self, tp: int) -> float:
        """The value of the smallest measured size that is not below `tp`, else of the largest."""
        return next((value for ranks, value in self.values if ranks >= tp), self.values[-1][1])


@dataclass(frozen=True)
class Engine:
    """Constants of one version. GiB where the name says so, bytes or plain numbers elsewhere."""

    version: str
    #: The GPU of the catalogue it was measured on; empty when carried over from another version.
    measured_gpu: str
    #: The largest tensor-parallel size that was measured there.
    measured_tp: int
    measured_families: frozenset[str]
    source: str
    #: Model Runner V2 (see `runners`): no sort in its profile run, but memory kept per sequence.
    is_second_runner: bool
    default_utilization: float
    #: The sampler's fp32 copies of the logits (4), probabilities (4), sort scratch (4) and mask (1)
    #: per element, beside the logits themselves in the model's dtype: `_dummy_sampler_run`.
    sampler_bytes_per_logit: int
    #: Hidden-size buffers alive at the MLP's peak (input, residual, output, and inductor's spare).
    forward_hidden_buffers: float
    #: Older schedulers profiled more than they used (5.64 -> 2.23 GiB for Llama at 0.17.0).
    activation_scale: float
    #: CUDA modules, cuBLAS, NCCL and custom all-reduce buffers: not PyTorch's.
    non_torch_gib: ByRanks
    #: Added to it for a family whose starts showed more: (model_type, GiB).
    family_non_torch_gib: tuple[tuple[str, float], ...]
    #: Instead of it, on every rank of a pipeline without tensor parallelism.
    pipeline_non_torch_gib: float
    #: What the driver and the CUDA context hold before vLLM looks: total - free at start.
    context_gib: ByRanks
    #: CUDA graphs: `base + layers * (per_layer + per_expert_layer where there are experts)`.
    graph_base_gib: float
    graph_per_layer_gib: float
    graph_per_expert_layer_gib: float
    #: Since 0.21 the estimate of the graphs is taken off before the KV cache is sized.
    subtracts_graphs: bool
    #: What MXFP4 experts take after the KV cache was sized, which the profile run does not see.
    mxfp4_late_gib: float
    #: How the log counts tokens: whole blocks of a group, or concurrency x max_model_len.
    tokens_rule: Literal["blocks", "concurrency"]
    #: Batches in flight (asynchronous scheduling), for windows and chunks.
    batches_in_flight: int

    @property
    def is_measured(self) -> bool:
        """Whether starts of this version were measured."""
        return bool(self.measured_gpu)


_MEASURED = Engine(
    version="0.19",
    measured_gpu="h100-sxm",
    measured_tp=4,
    measured_families=_FAMILIES_019,
    source="measured on vLLM 0.19.0, H100 80 GB",
    is_second_runner=False,
    default_utilization=0.9,
    sampler_bytes_per_logit=13,
    forward_hidden_buffers=4.25,
    activation_scale=1.0,
    non_torch_gib=ByRanks(((1, 0.25), (2, 2.08), (4, 2.19))),
    # Granite 3.x: 0.46 on one GPU where others show 0.25; cause unknown
    family_non_torch_gib=(("granite", 0.21),),
    pipeline_non_torch_gib=0.07,
    context_gib=ByRanks(((1, 0.51), (2, 1.53), (4, 1.55))),
    graph_base_gib=0.37,
    graph_per_layer_gib=0.016,
    graph_per_expert_layer_gib=0.005,
    subtracts_graphs=False,
    # gpt-oss-20b: fails at 0.95 on one GPU (> 2.3) and starts at 0.90 on two (< 5.2): the middle
    mxfp4_late_gib=3.7,
    tokens_rule="blocks",
    batches_in_flight=1,
)
_BEFORE_017 = replace(_MEASURED, measured_gpu="", activation_scale=5.64 / 2.23)
_NEAR = replace(_MEASURED, measured_gpu="")
_GRAPHS = replace(_NEAR, subtracts_graphs=True)
_UTILIZATION = replace(_GRAPHS, default_utilization=0.92)
SECOND_RUNNER = replace(
    _UTILIZATION,
    measured_gpu="h200",
    measured_tp=1,
    measured_families=_FAMILIES_032,
    source="measured by us on vLLM 0.32.0, one NVIDIA H200, 2026-11",
    is_second_runner=True,
    forward_hidden_buffers=3.0,
    # with more ranks never measured on this version
    non_torch_gib=ByRanks(((1, 0.22), (2, 2.08), (4, 2.19))),
    # the estimate that is taken off; least squares over four models, residual 0.09 GiB at most
    graph_base_gib=0.17,
    graph_per_layer_gib=0.0231,
    graph_per_expert_layer_gib=0.0,
    tokens_rule="concurrency",
    batches_in_flight=2,
)
#: (first minor version, constants), ascending; a patch release changes no constant.
_BY_MINOR = (
    (9, _BEFORE_017),
    (17, _NEAR),
    (19, _MEASURED),
    (20, _NEAR),
    (21, _GRAPHS),
    (22, _UTILIZATION),
    (32, SECOND_RUNNER),
    (33, replace(SECOND_RUNNER, measured_gpu="")),
)
_VERSION = re.compile(r"v?0\.(\d{1,3})(?:\.(\d{1,4}))?(?:[.+-]?[a-z0-9.+-]{0,30})?", re.IGNORECASE)


def engine_of(version: str) -> Engine:
    """The constants of a vLLM version such as `0.19.0`. Raises EngineVersionUnknownError."""
    match = _VERSION.fullmatch(version.strip())
    minor = int(match[1]) if match else 0
    if minor < _BY_MINOR[0][0]:
        raise EngineVersionUnknownError(
            f"{version[:60]!r} is not a vLLM version the planner knows",
            hint=f"write it like 0.19.0; the oldest is 0.{_BY_MINOR[0][0]}",
        )
    constants = next(c for first, c in reversed(_BY_MINOR) if minor >= first)
    return replace(constants, version=version.strip().removeprefix("v"))
