"""Every number of a plan with the formula that made it: `assay plan --explain`."""

from __future__ import annotations

from dataclasses import dataclass

from serving.planner.budget import Budget
from serving.planner.kv_cache import Capacity, Layout
from serving.planner.quantization import describe
from serving.planner.request import BLOCK_TOKENS, Settings
from serving.planner.tensors import padded_vocabulary
from serving.planner.terms import forward_width

_ENGINE = "vLLM source and start logs; docs/planner.md"
_FIRST_RUNNER = (
    "max(S × V × (bytes + 13) + M × H × bytes, M × (W + 4.25 × H) × bytes) + expert workspace "
    "+ image embeddings + pipeline buffers"
)
_SECOND_RUNNER = (
    "max(S × (V or, capped, 2 × V, + H) × bytes + M × H × bytes, M × max(W + 3 × H, 4 × H + 3 × "
    "(queries + keys)) × bytes) + expert workspace + image embeddings + pipeline buffers + kept "
    "per sequence: S × (4.125 × V + 36 KiB) + 32 MiB"
)


@dataclass(frozen=True)
class Formula:
    """`name` = `formula` = `values` = `result`; `source` says who computes it like this."""

    name: str
    formula: str
    values: str
    result: str
    source: str


def formulas(
    settings: Settings, rank: Budget, cache: Layout, held: Capacity
) -> tuple[Formula, ...]:
    """One formula per number, in the order they follow from each other."""
    return (
        _requested(settings, rank),
        _weights(settings, rank),
        _activation(settings, rank),
        _non_torch(settings, rank),
        _graphs(settings, rank),
        _kv(settings, rank),
        _per_token(settings, cache),
        *_held(settings, cache, held),
    )


def _requested(settings: Settings, rank: Budget) -> Formula:
    return Formula(
        "requested_gib",
        "GPU memory × utilisation",
        f"{settings.gpu.memory_gib:.2f} × {settings.utilization:g}",
        f"{rank.requested_gib:.2f} GiB",
        settings.gpu.source,
    )


def _weights(settings: Settings, rank: Budget) -> Formula:
    groups = " + ".join(f"{name} {size / 2**30:.2f}" for name, size in rank.weights.groups)
    return Formula(
        "weights_gib",
        "sum of this rank's tensors, each rounded as PyTorch's allocator does"
        + (" × (safetensors index / shapes)" if settings.index_bytes else ""),
        f"TP {settings.tp}, PP {settings.pp}, {settings.dtype}, quantisation "
        f"{describe(settings.model.quantization)}: {groups}",
        f"{rank.weights_gib:.2f} GiB",
        "config.json; vLLM model classes; c10 CUDACachingAllocator",
    )


def _activation(settings: Settings, rank: Budget) -> Formula:
    engine, active, model = settings.engine, rank.activation, settings.model
    formula = _SECOND_RUNNER if engine.is_second_runner else _FIRST_RUNNER
    kept = f" + {active.state:.3f}" if engine.is_second_runner else ""
    return Formula(
        "activation_gib",
        formula,
        f"S {settings.max_num_seqs}, V {padded_vocabulary(model)}, M "
        f"{settings.max_num_batched_tokens}, H {model.hidden_size}, W "
        f"{forward_width(model, settings.tp):.0f}, bytes {settings.width}: max("
        f"{active.sampler:.3f}, {active.forward:.3f}) + {active.workspace:.3f} + "
        f"{active.encoder:.3f} + {active.pipeline:.3f}{kept}"
        + (f", all × {active.scale:.2f} before 0.17" if active.scale != 1 else ""),
        f"{active.total:.2f} GiB",
        f"profile run of vLLM {engine.version}; {_ENGINE}",
    )


def _non_torch(settings: Settings, rank: Budget) -> Formula:
    return Formula(
        "non_torch_gib",
        "constant per TP (CUDA modules, cuBLAS, NCCL)",
        f"TP {settings.tp}, PP {settings.pp}, {settings.model.model_type}",
        f"{rank.non_torch_gib:.2f} GiB",
        settings.engine.source,
    )


def _graphs(settings: Settings, rank: Budget) -> Formula:
    engine = settings.engine
    when = "before" if engine.subtracts_graphs else "after"
    return Formula(
        "cudagraph_gib",
        "base + layers × per layer"
        + (", × graphs captured / 102" if engine.is_second_runner else ""),
        f"{engine.graph_base_gib} + {settings.model.layers} / PP {settings.pp} × "
        f"{engine.graph_per_layer_gib} (+ {engine.graph_per_expert_layer_gib} with experts)",
        f"{rank.graph_gib:.2f} GiB, taken {when} the KV cache is sized",
        f"least squares, {engine.source}",
    )


def _kv(settings: Settings, rank: Budget) -> Formula:
    graphs = " - CUDA graphs" if settings.engine.subtracts_graphs else ""
    taken = f" - {rank.subtracted_graph_gib:.2f}" if settings.engine.subtracts_graphs else ""
    return Formula(
        "kv_gib",
        f"max(0, requested - weights - activation - non-torch{graphs})",
        f"{rank.requested_gib:.2f} - {rank.weights_gib:.2f} - {rank.activation.total:.2f} - "
        f"{rank.non_torch_gib:.2f}{taken}",
        f"{max(0.0, rank.kv_gib):.2f} GiB ± {rank.spread_gib:.2f}",
        "vLLM gpu_worker.py determine_available_memory",
    )


def _per_token(settings: Settings, cache: Layout) -> Formula:
    attention = settings.model.attention
    if attention.mla:
        shape = "layers × (kv_lora_rank + qk_rope_head_dim) × bytes, on every rank"
        mla = attention.mla
        values = f"{cache.layers} × ({mla.kv_lora_rank} + {mla.qk_rope_head_dim})"
    else:
        shape = "layers × 2 × max(1, kv heads / TP) × head dim × bytes"
        heads = max(1, attention.kv_heads // settings.tp)
        values = f"{cache.layers} × 2 × {heads} × {attention.head_dim}"
    return Formula(
        "kv_bytes_per_token",
        shape,
        f"{values} × {settings.kv_width}",
        f"{cache.bytes_per_token:,} bytes per GPU",
        "vLLM kv_cache_interface.py page_size_bytes",
    )


def _held(settings: Settings, cache: Layout, held: Capacity) -> tuple[Formula, Formula]:
    groups = ", ".join(f"{count} × {kind}" for kind, count in cache.groups)
    concurrency = Formula(
        "max_concurrency",
        "blocks / blocks of a request of max_model_len",
        f"{held.blocks:,} / {held.blocks_per_request:,} (groups of {cache.layers_per_group} "
        f"layers: {groups}; {cache.block_bytes:,} bytes a block)",
        f"{held.max_concurrency:.2f}",
        "vLLM kv_cache_utils.py get_max_concurrency_for_kv_cache_config",
    )
    is_blocks = settings.engine.tokens_rule == "blocks"
    count = sum(number for _, number in cache.groups)
    tokens = Formula(
        "kv_tokens",
        f"blocks // groups × {BLOCK_TOKENS}" if is_blocks else "int(concurrency × max_model_len)",
        f"{held.blocks:,} // {count} × {BLOCK_TOKENS}"
        if is_blocks
        else f"{held.max_concurrency:.4f} × {settings.max_model_len:,}",
        f"{held.tokens:,} tokens",
        f"the log line `GPU KV cache size` of vLLM {settings.engine.version}",
    )
    return concurrency, tokens
