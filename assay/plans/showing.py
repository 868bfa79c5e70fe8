"""A plan on a terminal, and as one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay import output

if TYPE_CHECKING:
    from serving.planner.machines import Machines
    from serving.planner.plan import Plan
    from serving.planner.suggestion import Suggestion


def document(made: Plan, suggestion: Suggestion | None) -> dict[str, Any]:
    """Everything, rounded; `config.docs` lists the fields."""
    interval = made.interval
    return {
        "fits": made.fits,
        "reasons": list(made.reasons),
        **{name: round(getattr(made, name), 3) for name in _GIB},
        "kv_bytes_per_token": made.kv_bytes_per_token,
        "kv_tokens": made.kv_tokens,
        "max_concurrency": round(made.max_concurrency, 2),
        "interval": {
            "kv_gib": [round(edge, 3) for edge in interval.kv_gib],
            "max_concurrency": [round(edge, 2) for edge in interval.max_concurrency],
            "measured": interval.is_measured,
        },
        "flags": list(made.flags),
        "machines": vars(made.machines) if made.machines else None,
        "suggestion": _suggested(suggestion) if suggestion else None,
        "formulas": [vars(formula) for formula in made.formulas],
    }


_GIB = ("weights_gib", "non_torch_gib", "activation_gib", "cudagraph_gib", "kv_gib")


def _suggested(suggestion: Suggestion) -> dict[str, Any]:
    found, settings = suggestion.plan, suggestion.plan.settings
    return {
        "changes": list(suggestion.changes),
        "gpus": settings.tp * settings.pp,
        "tp": settings.tp,
        "pp": settings.pp,
        "utilization": settings.utilization,
        "max_model_len": settings.max_model_len,
        "kv_gib": round(found.kv_gib, 3),
        "kv_tokens": found.kv_tokens,
        "max_concurrency": round(found.max_concurrency, 2),
        "flags": list(found.flags),
    }


def show(made: Plan, suggestion: Suggestion | None, *, explain: bool) -> None:
    """The verdict, a table of what a GPU holds, flags and machines, and what may be better."""
    for line in verdict(made):
        output.show(line)
    low, high = made.interval.kv_gib
    measured = "measured" if made.interval.is_measured else "never measured like this"
    rows = [(name.removesuffix("_gib"), f"{getattr(made, name):.2f}") for name in _GIB]
    rows += [
        ("kv, interval", f"{low:.2f} to {high:.2f} ({measured})"),
        ("kv bytes per token", f"{made.kv_bytes_per_token:,}"),
        ("kv tokens", f"{made.kv_tokens:,}"),
        ("requests at max_model_len", f"{made.max_concurrency:.2f}"),
    ]
    output.table(("per GPU", "GiB"), rows)
    if explain:
        output.table(
            ("number", "formula", "values", "result", "source"),
            ((f.name, f.formula, f.values, f.result, f.source) for f in made.formulas),
        )
    output.show("flags: " + " ".join(made.flags))
    _show_machines(made.machines)
    if suggestion or not made.fits:
        for line in advice(made, suggestion):
            output.show(line)


def verdict(made: Plan) -> list[str]:
    """Whether it fits, and why."""
    settings = made.settings
    said = "fits" if made.fits else "does not start"
    ranks = f"{settings.tp * settings.pp} × {settings.gpu.name}"
    lines = [f"{settings.model.name} on {ranks}: {said}", *(f"- {why}" for why in made.reasons)]
    return [output.one_line(line) for line in lines]


def advice(made: Plan, suggestion: Suggestion | None) -> list[str]:
    """What fits instead, or on fewer GPUs."""
    if suggestion is None:
        return ["no plan on up to 16 of these GPUs fits"]
    found = suggestion.plan
    word = "also fits" if made.fits else "fits instead"
    held = (
        f"  {found.kv_gib:.2f} GiB of KV cache, {found.max_concurrency:.2f} requests of "
        f"{found.settings.max_model_len:,} tokens; flags: {' '.join(found.flags)}"
    )
    return [f"{word}: {'; '.join(suggestion.changes)}", held]


def _show_machines(machines: Machines | None) -> None:
    if machines is None or machines.count == 1:
        return
    output.show(f"machines: {machines.count} with {machines.gpus_each} GPUs each")
    output.show("  the first one also needs: " + " ".join(machines.leader_flags))
    output.show("  and each other, RANK from 1: " + " ".join(machines.worker_flags))
