"""Bytes of MXFP4 experts as vLLM's Triton kernels keep them on Hopper (gpt-oss).

Sources: vLLM 0.19.0 fused_moe/oracle/mxfp4.py (the intermediate size is padded to 64, biases become
fp32, the loaded scales stay beside the swizzled ones) and triton_kernels hopper_value.py and
hopper_scale.py (values padded to 64 x 64 bytes, scales to 256 x 2). Other GPUs have other layouts a
few per cent apart.
"""

from __future__ import annotations

from serving.planner.architecture import Experts

BLOCK = 32  # OCP MX: values that share a scale of one byte
_INTERMEDIATE_STEP = 64
_VALUE_STEP = 64
_SCALE_ROWS = 256
_SCALE_COLUMNS = 2
_BIAS_BYTES = 4


def round_up(value: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-value // step) * step


def expert_bytes(experts: Experts, hidden: int, tp: int) -> dict[str, int]:
    """Bytes of the experts of one layer on one rank, by tensor."""
    inner = round_up(experts.intermediate_size // tp, _INTERMEDIATE_STEP)
    held: dict[str, int] = {}
    for name, rows, columns in (("up", 2 * inner, hidden), ("down", hidden, inner)):
        scales = -(-columns // BLOCK)
        held[f"{name} values"] = round_up(rows, _VALUE_STEP) * round_up(columns // 2, _VALUE_STEP)
        held[f"{name} scales"] = round_up(rows, _SCALE_ROWS) * round_up(scales, _SCALE_COLUMNS)
        held[f"{name} loaded scales"] = rows * scales
        held[f"{name} bias"] = rows * _BIAS_BYTES if experts.is_biased else 0
    return {name: experts.count * size for name, size in held.items()}
