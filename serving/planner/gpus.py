"""The GPUs a plan can name, with the memory their driver reports to a program (not the brochure's).

`memory_gib` is what PyTorch prints as `total capacity`; the brochure's gigabytes are decimal and
count what error correction and the driver keep. `source` says where each figure was read.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.planner.errors import UnknownGpuError


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU. `has_fp8`: in its tensor cores."""

    name: str
    memory_gib: float
    has_fp8: bool
    source: str


_REPORTED = "`total capacity` in PyTorch out-of-memory messages, as published in public logs"
_GPUS = (
    Gpu("h100-sxm", 79.19, has_fp8=True,
        source="vLLM 0.19.0 start logs (llm-d-incubation/llm-d-planner#205)"),
    Gpu("h100-pcie", 79.11, has_fp8=True, source="vllm-project/vllm#27508"),
    Gpu("h100-nvl", 93.10, has_fp8=True, source=_REPORTED),
    Gpu("h200", 139.80, has_fp8=True,
        source="measured by us: vLLM 0.32.0 on one NVIDIA H200, 2026-11"),
    Gpu("b200", 178.35, has_fp8=True, source=_REPORTED),
    Gpu("a100-40", 39.39, has_fp8=False, source=_REPORTED),
    Gpu("a100-80", 79.15, has_fp8=False, source=_REPORTED),
    Gpu("l40s", 44.52, has_fp8=True,
        source="vllm-project/vllm#15598, vllm-project/vllm-omni#807"),
    Gpu("l4", 22.03, has_fp8=True, source=_REPORTED),
    Gpu("rtx-4090", 23.52, has_fp8=True,
        source="Soul-AILab/SoulX-FlashTalk#5 (23.52 to 23.68 in public logs)"),
    Gpu("rtx-5090", 31.36, has_fp8=True,
        source="TrajectoryCrafter/TrajectoryCrafter#20"),
    Gpu("mi300x", 191.69, has_fp8=True,
        source=_REPORTED + " (191.69 to 191.98)"),
)  # fmt: skip
_BY_NAME = {gpu.name: gpu for gpu in _GPUS}
_ALIASES = {
    "h100": "h100-sxm", "h100-80": "h100-sxm", "a100": "a100-80", "a100-40gb": "a100-40",
    "a100-80gb": "a100-80", "4090": "rtx-4090", "5090": "rtx-5090", "rtx4090": "rtx-4090",
    "rtx5090": "rtx-5090",
}  # fmt: skip


def gpu_names() -> tuple[str, ...]:
    """Every name of the catalogue."""
    return tuple(_BY_NAME)


def find_gpu(name: str) -> Gpu:
    """The GPU of that name or a usual other one. Raises UnknownGpuError."""
    key = name.strip().lower().replace("_", "-").replace(" ", "-")
    try:
        return _BY_NAME[_ALIASES.get(key, key)]
    except KeyError:
        raise UnknownGpuError(
            f"the planner knows no GPU {name[:60]!r}", hint=f"one of: {', '.join(_BY_NAME)}"
        ) from None


def default_batch(gpu: Gpu, minor: int) -> tuple[int, int]:
    """(max_num_batched_tokens, max_num_seqs) that `vllm serve` takes by itself.

    Source: vLLM 0.19.0 and 0.32.0 engine/arg_utils.py, by the device's memory; the A100 is left out
    on purpose there.
    """
    if gpu.memory_gib >= 160 and minor >= 32:
        return 16_384, 1024
    if gpu.memory_gib >= 70 and not gpu.name.startswith("a100"):
        return 8192, 1024
    return 2048, 256
