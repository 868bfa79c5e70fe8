"""The smallest plan that fits: fewest GPUs first, then the fewest changes to what was asked for.

Precision and context are kept as long as any number of GPUs up to 16 helps; only then weights and
cache in FP8, and at last a shorter context, are proposed. A proposal fits at the low end of its
interval too, so it does not just scrape by on paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from serving.planner.checks import shape_refusals
from serving.planner.plan import Plan, make_plan
from serving.planner.request import PlanRequest, settle

_GPU_COUNTS = (1, 2, 4, 8, 16)
_UTILIZATIONS = (0.95, 0.92, 0.9, 0.85, 0.8)
_FEWER_SEQS = 256
_SHORTEST = 256


@dataclass(frozen=True)
class Suggestion:
    """A plan that fits, and how it differs from the one asked for, in words."""

    plan: Plan
    changes: tuple[str, ...]


def suggest(request: PlanRequest, plan: Plan) -> Suggestion | None:
    """For a plan that fits: the same on fewer GPUs. For one that does not: the smallest that does.

    None when there is nothing better (or nothing at all).
    """
    request = replace(request, gpus=None)
    if plan.fits:
        asked = plan.settings.tp * plan.settings.pp
        found = _first(request, [count for count in _GPU_COUNTS if count < asked], exactly=True)
    else:
        found = next(
            (found for wish in _concessions(request) if (found := _first(wish, _GPU_COUNTS))), None
        )
    return Suggestion(found, _changes(plan, found)) if found else None


def _concessions(request: PlanRequest) -> Iterator[PlanRequest]:
    """The wish, then with ever more given up."""
    longest = request.model.max_position
    wanted = min(request.max_model_len or longest, longest)
    request = replace(request, max_model_len=wanted)
    yield request
    smaller = replace(request, kv_dtype="fp8")
    if request.model.quantization is None and settle(request).gpu.has_fp8:
        smaller = replace(smaller, quantization="fp8")
    yield smaller
    while wanted > _SHORTEST:
        wanted //= 2
        yield replace(smaller, max_model_len=wanted)


def _first(
    request: PlanRequest, counts: tuple[int, ...] | list[int], *, exactly: bool = False
) -> Plan | None:
    """The first robust plan over the counts of GPUs; `exactly`: change nothing but those."""
    for count in counts:
        split = _split(request, count)
        if split is None:
            continue
        for candidate in [split] if exactly else _variants(split):
            plan = make_plan(candidate)
            if plan.fits and plan.interval.max_concurrency[0] >= 1:
                return plan
    return None


def _split(request: PlanRequest, count: int) -> PlanRequest | None:
    """`count` GPUs as TP x PP, with the most TP the shapes and one machine allow, as vLLM advises;
    None when no split does.
    """
    tp = count
    while tp > request.gpus_per_node:
        tp //= 2
    while tp >= 1:
        candidate = replace(request, tp=tp, pp=count // tp)
        if not list(shape_refusals(settle(candidate))):
            return candidate
        tp //= 2
    return None


def _variants(request: PlanRequest) -> Iterator[PlanRequest]:
    utilizations = (request.utilization, *_UTILIZATIONS)
    for seqs in (request.max_num_seqs, _FEWER_SEQS):
        for utilization in utilizations:
            yield replace(request, utilization=utilization, max_num_seqs=seqs)


def _changes(asked: Plan, found: Plan) -> tuple[str, ...]:
    before, after = asked.settings, found.settings
    gpus = (before.tp * before.pp, after.tp * after.pp)
    pairs = (
        ("GPUs", *gpus),
        ("TP", before.tp, after.tp),
        ("PP", before.pp, after.pp),
        ("utilisation", before.utilization, after.utilization),
        ("max_num_seqs", before.max_num_seqs, after.max_num_seqs),
        ("max_model_len", before.max_model_len, after.max_model_len),
        ("KV cache dtype", before.kv_dtype, after.kv_dtype),
        ("quantisation", _method(asked), _method(found)),
    )
    return tuple(f"{name} {new} instead of {old}" for name, old, new in pairs if old != new)


def _method(plan: Plan) -> str:
    quantization = plan.settings.model.quantization
    return quantization.method if quantization else "none"
