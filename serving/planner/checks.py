"""Why vLLM would not start: what it checks before and while it sizes memory, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from serving.planner.budget import Budget
from serving.planner.kv_cache import Layout, blocks_per_request
from serving.planner.machines import machines_refusal
from serving.planner.request import BLOCK_TOKENS, Settings
from serving.planner.tensors import padded_vocabulary
from serving.planner.weights import GIB

#: Models that came after a version: (model_type's beginning, first minor version that knows it).
_KNOWN_SINCE = (("gemma4", 20),)


def shape_refusals(settings: Settings) -> Iterator[str]:
    """What can be said from the shapes alone: ranks, heads, vocabulary, context."""
    model, tp, pp = settings.model, settings.tp, settings.pp
    if tp * pp > settings.gpus:
        yield f"TP {tp} × PP {pp} needs {tp * pp} GPUs, there are {settings.gpus}"
    if uneven := machines_refusal(settings):
        yield uneven
    heads, kv_heads = model.attention.heads, model.attention.kv_heads
    if heads % tp:
        yield f"{heads} attention heads are not divisible by TP {tp}"
    if model.attention.mla is None and kv_heads % tp and tp % kv_heads:
        yield f"{kv_heads} key/value heads can be neither split nor repeated over TP {tp}"
    if padded_vocabulary(model) % tp:
        yield f"the vocabulary, {padded_vocabulary(model)} padded, is not divisible by TP {tp}"
    yield from _uneven_sizes(settings)
    if pp > model.layers:
        yield f"PP {pp} is more than the model's {model.layers} layers"
    if settings.max_model_len > model.max_position:
        yield (
            f"max_model_len {settings.max_model_len:,} is more than the {model.max_position:,} "
            "tokens the model's config allows"
        )
    minor = int(settings.engine.version.split(".")[1])
    for beginning, since in _KNOWN_SINCE:
        if model.model_type.startswith(beginning) and minor < since:
            yield f"vLLM {settings.engine.version} does not know models of type {model.model_type}"


def _uneven_sizes(settings: Settings) -> Iterator[str]:
    model, tp = settings.model, settings.tp
    if model.dense_layers and model.intermediate_size % tp:
        yield f"the MLP's {model.intermediate_size} columns are not divisible by TP {tp}"
    if model.experts and model.experts.intermediate_size % tp:
        yield f"the experts' {model.experts.intermediate_size} columns are not divisible by TP {tp}"


def memory_refusals(settings: Settings, rank: Budget, cache: Layout) -> Iterator[str]:
    """What the terms say: free memory at start, room for one request, room after the cache."""
    if rank.requested_gib > rank.free_at_start_gib:
        yield (
            f"utilisation {settings.utilization:g} asks for {rank.requested_gib:.2f} GiB, but only "
            f"{rank.free_at_start_gib:.2f} of {settings.gpu.memory_gib:.2f} GiB are free at start"
        )
    request_gib = request_bytes(settings, cache) / GIB
    if rank.kv_gib < request_gib:
        yield _no_room(settings, rank, request_gib, cache)
        return
    late = (0.0 if settings.engine.subtracts_graphs else rank.graph_gib) + rank.late_gib
    if rank.requested_gib + late > rank.free_at_start_gib:
        yield (
            f"out of memory while warming up: after the KV cache, CUDA graphs and kernels take "
            f"{late:.2f} GiB, and utilisation {settings.utilization:g} leaves "
            f"{max(0.0, rank.free_at_start_gib - rank.requested_gib):.2f} GiB outside its share"
        )


def _no_room(settings: Settings, rank: Budget, request_gib: float, cache: Layout) -> str:
    used = rank.requested_gib - rank.kv_gib
    allowed = (
        f"the {rank.requested_gib:.2f} GiB that utilisation {settings.utilization:g} allows on "
        f"each {settings.gpu.name}"
    )
    needs = f"one request of {settings.max_model_len:,} tokens needs {request_gib:.2f} GiB"
    if rank.kv_gib <= 0:
        return (
            f"weights {rank.weights_gib:.2f} + activation {rank.activation.total:.2f} + non-torch "
            f"{rank.non_torch_gib:.2f}{_graphs(rank)} = {used:.2f} GiB is more than {allowed}: "
            f"nothing is left for the KV cache, and {needs}"
        )
    tokens = int(rank.kv_gib * GIB // cache.bytes_per_token) // BLOCK_TOKENS * BLOCK_TOKENS
    return (
        f"{rank.kv_gib:.2f} GiB are left for the KV cache of {allowed}, but {needs}; "
        f"a max_model_len of about {tokens:,} would fit"
    )


def _graphs(rank: Budget) -> str:
    return f" + CUDA graphs {rank.subtracted_graph_gib:.2f}" if rank.subtracted_graph_gib else ""


def request_bytes(settings: Settings, cache: Layout) -> int:
    """Bytes of a rank that one request of max_model_len tokens can take."""
    return blocks_per_request(settings, cache) * cache.block_bytes
