"""One rank's memory: what was asked for, what every term takes, what is left for the KV cache."""

from __future__ import annotations

import math
from dataclasses import dataclass

from serving.planner import terms
from serving.planner.kv_cache import layout
from serving.planner.request import Settings
from serving.planner.terms import Activation
from serving.planner.weights import GIB, Weights, index_ratio, rank_weights

#: What vision towers' buffers add beyond the shapes, at most, in the measured starts.
_VISION_GIB = 0.1
_UNMEASURED_NON_TORCH_GIB = 0.15
_UNMEASURED_COLLECTIVES_GIB = 0.6
#: A start that first fills the compile cache profiled so much more (0.23, one start of 0.32.0).
_FIRST_COMPILATION_GIB = 0.25


@dataclass(frozen=True)
class Budget:
    """GiB of one GPU: the pipeline stage with the least room (the last one, which samples).

    `spread_gib` is how far `kv_gib` may be off: residuals of the measured starts where there are
    some, wider for a family, version, GPU or batch that was never measured.
    """

    requested_gib: float
    free_at_start_gib: float
    weights: Weights
    weights_gib: float
    activation: Activation
    non_torch_gib: float
    graph_gib: float
    late_gib: float
    subtracted_graph_gib: float
    kv_gib: float
    spread_gib: float
    is_measured: bool


def budget(settings: Settings) -> Budget:
    """The terms of the settings. `kv_gib` is negative when the other terms exceed the request."""
    requested = math.ceil(settings.gpu.memory_gib * GIB * settings.utilization) / GIB
    held = rank_weights(settings.model, tp=settings.tp, pp=settings.pp, width=settings.width)
    weights_gib = held.gib * _ratio(settings)
    active = terms.activation(settings)
    non_torch = terms.non_torch_gib(settings)
    graphs = terms.graph_gib(settings, layout(settings).layers)
    subtracted = graphs if settings.engine.subtracts_graphs else 0.0
    is_measured = _is_measured(settings)
    return Budget(
        requested_gib=requested,
        free_at_start_gib=settings.gpu.memory_gib - settings.engine.context_gib.at(settings.tp),
        weights=held,
        weights_gib=weights_gib,
        activation=active,
        non_torch_gib=non_torch,
        graph_gib=graphs,
        late_gib=terms.late_gib(settings),
        subtracted_graph_gib=subtracted,
        kv_gib=requested - weights_gib - active.total - non_torch - subtracted,
        spread_gib=_spread(settings, weights_gib, active.total, subtracted),
        is_measured=is_measured,
    )


def _ratio(settings: Settings) -> float:
    """How the files' own size corrects the shapes; 1 where it is unknown or does not apply."""
    model = settings.model
    is_mxfp4 = model.quantization is not None and model.quantization.method == "mxfp4"
    if settings.index_bytes is None or settings.dtype != model.dtype or is_mxfp4:
        return 1.0
    return index_ratio(model, settings.index_bytes)


def _is_known_batch(settings: Settings) -> bool:
    return settings.max_num_seqs == 1024 and settings.max_num_batched_tokens == 8192


def _is_measured(settings: Settings) -> bool:
    return (
        settings.engine.measured_gpu == settings.gpu.name
        and settings.model.model_type in settings.engine.measured_families
        and settings.tp <= settings.engine.measured_tp
        and not settings.is_spread
        and _is_known_batch(settings)
    )


def _spread(settings: Settings, weights: float, active: float, graphs: float) -> float:
    engine = settings.engine
    known_family = settings.model.model_type in engine.measured_families
    share = 0.001 if known_family or settings.index_bytes else 0.01
    of_activation = 0.03
    of_activation += 0.0 if known_family else 0.1
    of_activation += 0.0 if engine.is_measured else 0.12
    of_activation += 0.0 if _is_known_batch(settings) else 0.05
    outside = 0.05
    is_far = settings.tp > engine.measured_tp or settings.is_spread
    if is_far or engine.measured_gpu != settings.gpu.name:
        is_alone = settings.tp == 1 and not settings.is_spread
        outside = _UNMEASURED_NON_TORCH_GIB if is_alone else _UNMEASURED_COLLECTIVES_GIB
    tower = _VISION_GIB if settings.model.vision else 0.0
    compiled = _FIRST_COMPILATION_GIB if engine.is_second_runner else 0.0
    around = 0.05 + tower + outside + compiled
    return around + share * weights + of_activation * active + 0.35 * graphs
