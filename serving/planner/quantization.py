"""How a checkpoint stores its weights: `quantization_config` of config.json, or `--quantization`.

Sources: the vLLM 0.19.0 loaders in vllm/model_executor/layers/quantization (fp8.py, mxfp4.py,
gptq_marlin.py, awq_marlin.py) and compressed_tensors; the formats' own `config_groups`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from serving.planner.errors import ModelNotPlannableError, PlanRequestInvalidError
from serving.planner.reading import Section

#: An entry of `ignore` matches by its end or by a regular expression; these words decide for us.
_VISION_WORDS = ("vision", "multi_modal_projector", "mm_projector")


@dataclass(frozen=True)
class Quantization:
    """Bits of the linear layers' weights and what comes with them.

    `group_size` None means one scale per output channel; `experts_only` leaves attention as it is
    (MXFP4 of gpt-oss). `vision` tells whether a vision tower's linear layers are quantised too;
    `is_online`, that vLLM does it while loading.
    """

    method: str
    weight_bits: int
    group_size: int | None = None
    scale_bytes: int = 4
    experts_only: bool = False
    vision: bool = False
    lm_head: bool = False
    is_online: bool = False

    def bytes_of(self, rows: int, columns: int) -> float:
        """Bytes of a linear layer's weight [rows (out), columns (in)] and its scales."""
        weight = rows * columns * self.weight_bits / 8
        per_row = 1 if self.group_size is None else columns / self.group_size
        return weight + rows * per_row * self.scale_bytes


_FP8 = Quantization("fp8", 8, group_size=None, scale_bytes=4)
_ONLINE = {"fp8": replace(_FP8, is_online=True)}


def online(method: str) -> Quantization:
    """What `--quantization METHOD` makes of weights published unquantised."""
    try:
        return _ONLINE[method]
    except KeyError:
        raise PlanRequestInvalidError(
            f"--quantization {method} cannot be applied while loading",
            hint=f"one of: {', '.join(_ONLINE)}; or plan a checkpoint that is quantised already",
        ) from None


def parse_quantization(config: Section) -> Quantization | None:
    """The checkpoint's quantisation, None when it has none.

    Raises ModelNotPlannableError for a method whose storage is not known here.
    """
    section = config.section("quantization_config") or config.section("compression_config")
    if section is None:
        return None
    method = section.text("quant_method") or section.text("format") or "?"
    parse = _PARSERS.get(method.lower())
    if parse is None:
        raise ModelNotPlannableError(
            f"quantisation `{method}` of {section.path} is not known to the planner",
            hint=f"known: {', '.join(sorted(_PARSERS))}",
        )
    return parse(section)


def _compressed_tensors(section: Section) -> Quantization:
    groups = section.section("config_groups")
    first = groups and next((groups.section(key) for key in sorted(groups.values)), None)
    weights = first.section("weights") if first else None
    if weights is None:
        section.refuse("config_groups", "at least one group with `weights`")
    bits = weights.count("num_bits", most=16)
    ignored = " ".join(section.texts("ignore") or ())
    group_size = _group_size(weights)
    return Quantization(
        "compressed-tensors",
        bits,
        group_size=group_size,
        scale_bytes=2 if group_size else 4,
        vision=not any(word in ignored for word in _VISION_WORDS),
        lm_head="lm_head" not in ignored,
    )


def _group_size(section: Section) -> int | None:
    """Columns that share a scale; -1 and 0 mean the whole row."""
    value = section.values.get("group_size")
    return None if value in (None, -1, 0) else section.count("group_size", most=65_536)


def _fp8(section: Section) -> Quantization:
    block = section.counts("weight_block_size")
    if not block:
        return _FP8
    if len(block) != 2 or min(block) < 1:
        section.refuse("weight_block_size", "two whole numbers above 0")
    # one fp32 scale per block: spread over the block's rows it is 4/rows bytes each
    return Quantization("fp8", 8, group_size=block[0] * block[1], scale_bytes=4)


def _grouped(section: Section) -> Quantization:
    bits = section.optional_count("bits", "w_bit", most=16) or 4
    group_size = _group_size(section)
    return Quantization(section.text("quant_method"), bits, group_size=group_size, scale_bytes=2)


def _mxfp4(_section: Section) -> Quantization:
    # OCP MX: 32 values of 4 bits share one scale of 8 bits
    return Quantization("mxfp4", 4, group_size=32, scale_bytes=1, experts_only=True)


_PARSERS = {
    "compressed-tensors": _compressed_tensors,
    "fp8": _fp8,
    "gptq": _grouped,
    "gptq_marlin": _grouped,
    "awq": _grouped,
    "awq_marlin": _grouped,
    "mxfp4": _mxfp4,
}


def describe(quantization: Quantization | None) -> str:
    """A word for people: `compressed-tensors, 8 bits`."""
    if quantization is None:
        return "none"
    return f"{quantization.method}, {json.dumps(quantization.weight_bits)} bits"
