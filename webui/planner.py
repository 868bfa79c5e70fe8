"""The GPU memory planner as a form: does it fit, and where the memory goes."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from core.errors import AssayError, InvalidError
from serving.planner import catalogue
from serving.planner.gpus import gpu_names
from serving.planner.plan import Plan, make_plan
from serving.planner.request import PlanRequest
from serving.planner.suggestion import suggest
from serving.planner.versions import DEFAULT_VERSION
from webui.people import page

_WIDTH = 640.0
_KV_DTYPES = ("auto", "fp8")
_DTYPES = ("auto", "bfloat16", "float16", "float32")
_TERMS = (
    ("weights", "weights_gib"),
    ("non-torch", "non_torch_gib"),
    ("activations", "activation_gib"),
    ("CUDA graphs", "cudagraph_gib"),
    ("KV cache", "kv_gib"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One term of the bar: its place and width in pixels of 640, and GiB."""

    name: str
    css: str
    x: float
    width: float
    gib: float


@page()
def planner(request: HttpRequest) -> HttpResponse:
    """The form, and the plan for what it says."""
    given = request.GET
    plan = suggestion = problem = None
    if given.get("model"):
        try:
            wish = _request(given)
            plan = make_plan(wish)
            suggestion = suggest(wish, plan)
        except AssayError as error:
            problem = error
    context = {
        "given": given,
        "models": catalogue.names(),
        "gpus": gpu_names(),
        "dtypes": _DTYPES,
        "kv_dtypes": _KV_DTYPES,
        "vllm_version": DEFAULT_VERSION,
        "plan": plan,
        "parts": _parts(plan) if plan else (),
        "suggestion": suggestion,
        "problem": problem,
    }
    return render(request, "webui/planner.html", context)


def _request(given: QueryDict) -> PlanRequest:
    utilization = given.get("utilization", "").strip()
    try:
        share = float(utilization) if utilization else None
    except ValueError:
        raise InvalidError(f"utilization={utilization[:40]!r} is not a number") from None
    version = given.get("vllm_version", "").strip()
    return PlanRequest(
        model=catalogue.find(given.get("model", "")).architecture,
        gpu=given.get("gpu") or "h100-sxm",
        tp=_count(given, "tp") or 1,
        pp=_count(given, "pp") or 1,
        dtype=given.get("dtype") or "auto",
        kv_dtype=given.get("kv_dtype") or "auto",
        quantization=given.get("quantization") or None,
        max_model_len=_count(given, "max_model_len"),
        utilization=share,
        max_num_seqs=_count(given, "max_num_seqs"),
        max_num_batched_tokens=_count(given, "max_num_batched_tokens"),
        vllm_version=version or DEFAULT_VERSION,
    )


def _count(given: QueryDict, name: str) -> int | None:
    text = given.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text[:12]) > 0 and len(text) < 10):
        raise InvalidError(f"{name}={text[:40]!r} is not a whole number above 0")
    return int(text)


def _parts(plan: Plan) -> tuple[Part, ...]:
    """The bar is the GPU; what is left of it is shown empty."""
    whole = max(
        plan.settings.gpu.memory_gib, sum(getattr(plan, attribute) for _, attribute in _TERMS)
    )
    parts, x = [], 0.0
    for index, (name, attribute) in enumerate(_TERMS):
        gib = getattr(plan, attribute)
        width = _WIDTH * gib / whole
        parts.append(Part(name, f"part{index}", round(x, 1), round(width, 1), gib))
        x += width
    return tuple(parts)
