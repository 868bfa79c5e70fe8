"""plan: does a model fit on these GPUs, and what is left for its requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay import exit_codes, output
from assay.errors import FileUnusableError
from assay.options import AsJson

if TYPE_CHECKING:
    from serving.planner.architecture import Architecture
    from serving.planner.plan import Plan
    from serving.planner.suggestion import Suggestion

_INDEX = "model.safetensors.index.json"
_LARGEST_FILE_BYTES = 64_000_000


def plan(  # one option per setting of vLLM
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="HF_ID|config.json",
            help="A model of the catalogue, or the path of a config.json or of its folder; "
            f"{_INDEX} beside it gives the exact size of the weights.",
        ),
    ],
    gpu: Annotated[str, typer.Option("--gpu", help="A GPU, such as h100-sxm, a100-80 or l4.")],
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, help="GPUs there are.", show_default="TP x PP"),
    ] = None,
    tp: Annotated[int, typer.Option("--tp", min=1, help="Tensor-parallel size.")] = 1,
    pp: Annotated[int, typer.Option("--pp", min=1, help="Pipeline-parallel size.")] = 1,
    dtype: Annotated[
        str, typer.Option("--dtype", help="auto, bfloat16, float16 or float32.")
    ] = "auto",
    kv_dtype: Annotated[
        str, typer.Option("--kv-dtype", help="Type of the KV cache: auto or fp8.")
    ] = "auto",
    quantization: Annotated[
        str | None,
        typer.Option("--quantization", help="fp8: quantise while loading."),
    ] = None,
    max_model_len: Annotated[
        int | None,
        typer.Option("--max-model-len", min=1, help="Tokens.", show_default="the model's"),
    ] = None,
    utilization: Annotated[
        float | None,
        typer.Option("--utilization", help="Share of a GPU.", show_default="vLLM's"),
    ] = None,
    max_num_seqs: Annotated[
        int | None, typer.Option("--max-num-seqs", min=1, show_default="vLLM's")
    ] = None,
    max_num_batched_tokens: Annotated[
        int | None, typer.Option("--max-num-batched-tokens", min=1, show_default="vLLM's")
    ] = None,
    vllm_version: Annotated[
        str, typer.Option("--vllm-version", help="The version that will serve.")
    ] = "0.32.0",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every number's formula.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Plan the GPU memory of a model server, without a GPU or a server.

    Says whether `vllm serve` would start, what each part takes, how many requests fit, and the
    smallest plan that fits. Exit code 1 when it does not fit.
    """
    from serving.planner.plan import make_plan
    from serving.planner.request import PlanRequest
    from serving.planner.suggestion import suggest

    architecture, index_bytes = _model(model)
    request = PlanRequest(
        model=architecture,
        gpu=gpu,
        gpus=count,
        tp=tp,
        pp=pp,
        dtype=dtype,
        kv_dtype=kv_dtype,
        quantization=quantization,
        max_model_len=max_model_len,
        utilization=utilization,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        vllm_version=vllm_version,
        index_bytes=index_bytes,
    )
    made = make_plan(request)
    suggestion = suggest(request, made)
    if as_json:
        output.emit(_document(made, suggestion))
    else:
        _show(made, suggestion, explain=explain)
    raise typer.Exit(exit_codes.PASS if made.fits else exit_codes.GATE_FAILED)


def _model(wanted: str) -> tuple[Architecture, int | None]:
    """The architecture by name or path; the bytes of the safetensors index, where there is one."""
    from serving.planner import catalogue
    from serving.planner.config import parse_config
    from serving.planner.weights import total_size

    path = Path(wanted)
    if path.suffix != ".json" and not path.is_dir():
        return catalogue.find(wanted).architecture, None
    if path.is_dir():
        path /= "config.json"
    index = path.with_name(_INDEX)
    architecture = parse_config(_read(path), name=path.parent.name or wanted)
    return architecture, total_size(_read(index)) if index.is_file() else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise FileUnusableError(f"{path} cannot be read: {error.strerror}") from error
    if len(text) > _LARGEST_FILE_BYTES:
        raise FileUnusableError(f"{path} is larger than {_LARGEST_FILE_BYTES:,} bytes")
    return text


def _document(made: Plan, suggestion: Suggestion | None) -> dict[str, Any]:
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


def _show(made: Plan, suggestion: Suggestion | None, *, explain: bool) -> None:
    settings = made.settings
    verdict = "fits" if made.fits else "does not start"
    ranks = f"{settings.tp * settings.pp} × {settings.gpu.name}"
    output.show(output.one_line(f"{settings.model.name} on {ranks}: {verdict}"))
    for reason in made.reasons:
        output.show(output.one_line(f"- {reason}"))
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
    if suggestion:
        found = suggestion.plan
        word = "also fits" if made.fits else "fits instead"
        output.show(f"{word}: {'; '.join(suggestion.changes)}")
        output.show(
            f"  {found.kv_gib:.2f} GiB of KV cache, {found.max_concurrency:.2f} requests of "
            f"{found.settings.max_model_len:,} tokens; flags: {' '.join(found.flags)}"
        )
    elif not made.fits:
        output.show("no plan on up to 16 of these GPUs fits")
