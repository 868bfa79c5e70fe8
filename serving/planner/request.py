"""What a plan is asked for, and the settings vLLM would really run with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from serving.planner.architecture import DTYPE_BYTES, Architecture
from serving.planner.errors import PlanRequestInvalidError
from serving.planner.gpus import Gpu, default_batch, find_gpu
from serving.planner.quantization import online
from serving.planner.runners import engine_for
from serving.planner.versions import DEFAULT_VERSION, Engine

BLOCK_TOKENS = 16
_MOST_RANKS = 1024
_KV_BYTES = {"fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1, **DTYPE_BYTES}


@dataclass(frozen=True)
class PlanRequest:
    """The wish: None leaves a setting to vLLM. `gpus` is how many there are (None: just enough),
    on machines of `gpus_per_node`.

    `index_bytes` is `total_size` of model.safetensors.index.json, where it is at hand.
    """

    model: Architecture
    gpu: str
    gpus: int | None = None
    gpus_per_node: int = 8
    tp: int = 1
    pp: int = 1
    dtype: str = "auto"
    kv_dtype: str = "auto"
    quantization: str | None = None
    max_model_len: int | None = None
    utilization: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    vllm_version: str = DEFAULT_VERSION
    index_bytes: int | None = None


@dataclass(frozen=True)
class Settings:
    """The request with every default filled in; `model` carries the quantisation that applies."""

    model: Architecture
    gpu: Gpu
    gpus: int
    gpus_per_node: int
    engine: Engine
    tp: int
    pp: int
    dtype: str
    kv_dtype: str
    max_model_len: int
    utilization: float
    max_num_seqs: int
    max_num_batched_tokens: int
    index_bytes: int | None

    @property
    def is_spread(self) -> bool:
        """Whether one machine does not have enough GPUs."""
        return self.tp * self.pp > self.gpus_per_node

    @property
    def width(self) -> int:
        """Bytes of an unquantised weight and of an activation."""
        return DTYPE_BYTES[self.dtype]

    @property
    def kv_width(self) -> int:
        """Bytes of one element of the KV cache."""
        return self.width if self.kv_dtype == "auto" else _KV_BYTES[self.kv_dtype]


def settle(request: PlanRequest) -> Settings:
    """Fill in vLLM's defaults. Raises a typed error for values that no vLLM would take."""
    model = _quantized(request)
    engine, gpu = engine_for(request.vllm_version, model), find_gpu(request.gpu)
    _check_counts(request)
    batched, seqs = default_batch(gpu, int(engine.version.split(".")[1]))
    seqs = request.max_num_seqs or seqs
    return Settings(
        model=model,
        gpu=gpu,
        gpus=request.gpus or request.tp * request.pp,
        gpus_per_node=request.gpus_per_node,
        engine=engine,
        tp=request.tp,
        pp=request.pp,
        dtype=_dtype(request),
        kv_dtype=_kv_dtype(request.kv_dtype),
        max_model_len=request.max_model_len or request.model.max_position,
        utilization=_utilization(request.utilization, engine),
        max_num_seqs=seqs,
        # vLLM raises its own default where it is below max_num_seqs
        max_num_batched_tokens=request.max_num_batched_tokens or max(batched, seqs),
        index_bytes=request.index_bytes,
    )


def _check_counts(request: PlanRequest) -> None:
    limits = {
        "gpus": _MOST_RANKS,
        "gpus_per_node": _MOST_RANKS,
        "tp": _MOST_RANKS,
        "pp": _MOST_RANKS,
        "max_model_len": 10**8,
        "max_num_seqs": 10**6,
        "max_num_batched_tokens": 10**7,
        "index_bytes": 10**14,
    }
    for name, most in limits.items():
        value = getattr(request, name)
        if value is not None and not 1 <= value <= most:
            raise PlanRequestInvalidError(f"{name} must be from 1 to {most:,}, not {value:,}")


def _quantized(request: PlanRequest) -> Architecture:
    model, wanted = request.model, request.quantization
    if wanted is None or (model.quantization and model.quantization.method == wanted):
        return model
    if model.quantization:
        raise PlanRequestInvalidError(
            f"the checkpoint is quantised with {model.quantization.method}, not {wanted}",
            hint="leave --quantization out",
        )
    return replace(model, quantization=online(wanted))


def _dtype(request: PlanRequest) -> str:
    """Auto is the published dtype, except that float32 is loaded as bfloat16."""
    wanted = {"half": "float16", "float": "float32"}.get(request.dtype, request.dtype)
    if wanted == "auto":
        return "bfloat16" if request.model.dtype == "float32" else request.model.dtype
    if wanted not in DTYPE_BYTES:
        raise PlanRequestInvalidError(
            f"--dtype {wanted[:60]} is not known", hint=f"one of: auto, {', '.join(DTYPE_BYTES)}"
        )
    return wanted


def _kv_dtype(wanted: str) -> str:
    if wanted != "auto" and wanted not in _KV_BYTES:
        raise PlanRequestInvalidError(
            f"--kv-dtype {wanted[:60]} is not known", hint=f"one of: auto, {', '.join(_KV_BYTES)}"
        )
    return wanted


def _utilization(wanted: float | None, engine: Engine) -> float:
    if wanted is None:
        return engine.default_utilization
    if not 0 < wanted <= 1:  # also refuses NaN
        raise PlanRequestInvalidError(f"utilisation must be above 0 and at most 1, not {wanted}")
    return wanted
