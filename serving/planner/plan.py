"""A plan: whether a model server starts, with how much KV cache, and every number's formula."""

from __future__ import annotations

from dataclasses import dataclass

from serving.planner.budget import Budget, budget
from serving.planner.checks import memory_refusals, request_bytes, shape_refusals
from serving.planner.formulas import Formula, formulas
from serving.planner.kv_cache import capacity, layout
from serving.planner.machines import Machines, slow_network, spread
from serving.planner.request import PlanRequest, Settings, settle
from serving.planner.weights import GIB


@dataclass(frozen=True)
class Interval:
    """Where the two answers lie if the terms are off by what is known of their errors.

    `is_measured`: the family, the version, the GPU and the batch were all measured together.
    """

    kv_gib: tuple[float, float]
    max_concurrency: tuple[float, float]
    is_measured: bool


@dataclass(frozen=True)
class Plan:
    """What one rank of the server would have. GiB per GPU; never negative.

    `kv_bytes_per_token` is per GPU, over all its layers. `reasons` are refusals when it does not
    fit, else what it fits with. `flags` are those of `vllm serve`, on each of the `machines` (None
    when the GPUs do not fill any number of them).
    """

    settings: Settings
    fits: bool
    reasons: tuple[str, ...]
    weights_gib: float
    non_torch_gib: float
    activation_gib: float
    cudagraph_gib: float
    kv_gib: float
    kv_bytes_per_token: int
    kv_tokens: int
    max_concurrency: float
    interval: Interval
    flags: tuple[str, ...]
    machines: Machines | None
    formulas: tuple[Formula, ...]


def make_plan(request: PlanRequest) -> Plan:
    """Plan a start. Raises the typed errors of `errors` for a request that means nothing."""
    settings = settle(request)
    rank, cache = budget(settings), layout(settings)
    refusals = (*shape_refusals(settings), *memory_refusals(settings, rank, cache))
    held = capacity(settings, cache, max(0.0, rank.kv_gib) * GIB)
    interval = _interval(settings, rank)
    reasons = refusals or (_fits_because(settings, rank, held.max_concurrency),)
    if not refusals and interval.max_concurrency[0] < 1:
        reasons += (f"close: the KV cache may be as small as {interval.kv_gib[0]:.2f} GiB",)
    if not refusals and (slow := slow_network(settings)):
        reasons += (slow,)
    return Plan(
        settings=settings,
        fits=not refusals,
        reasons=reasons,
        weights_gib=rank.weights_gib,
        non_torch_gib=rank.non_torch_gib,
        activation_gib=rank.activation.total,
        cudagraph_gib=rank.graph_gib,
        kv_gib=max(0.0, rank.kv_gib),
        kv_bytes_per_token=cache.bytes_per_token,
        kv_tokens=held.tokens,
        max_concurrency=held.max_concurrency,
        interval=interval,
        flags=flags(settings),
        machines=spread(settings),
        formulas=formulas(settings, rank, cache, held),
    )


def _fits_because(settings: Settings, rank: Budget, concurrency: float) -> str:
    needs = request_bytes(settings, layout(settings)) / GIB
    return (
        f"{rank.kv_gib:.2f} GiB are left for the KV cache on each GPU; one request of "
        f"{settings.max_model_len:,} tokens needs {needs:.2f} GiB: {concurrency:.2f} at a time"
    )


def _interval(settings: Settings, rank: Budget) -> Interval:
    cache = layout(settings)
    low, high = (max(0.0, rank.kv_gib + sign * rank.spread_gib) for sign in (-1, 1))
    return Interval(
        kv_gib=(low, high),
        max_concurrency=(
            capacity(settings, cache, low * GIB).max_concurrency,
            capacity(settings, cache, high * GIB).max_concurrency,
        ),
        is_measured=rank.is_measured,
    )


def flags(settings: Settings) -> tuple[str, ...]:
    """The flags of `vllm serve` that start what was planned, one `--name=value` each."""
    quantization = settings.model.quantization
    values: dict[str, object] = {
        "tensor-parallel-size": settings.tp,
        "pipeline-parallel-size": settings.pp,
        "dtype": settings.dtype,
        "kv-cache-dtype": settings.kv_dtype,
        "max-model-len": settings.max_model_len,
        "gpu-memory-utilization": f"{settings.utilization:g}",
        "max-num-seqs": settings.max_num_seqs,
        "max-num-batched-tokens": settings.max_num_batched_tokens,
    }
    if quantization and quantization.is_online:
        values["quantization"] = quantization.method
    return tuple(f"--{name}={value}" for name, value in values.items())
