"""Which models a version of vLLM runs with its Model Runner V2, and the constants that follow.

Source: `use_v2_model_runner` in config/vllm.py of vLLM 0.22.0, 0.23.0, 0.25.1, 0.27.0, 0.30.0 and
0.32.0; the versions between are taken for the one before. Only 0.32.0 was measured.
"""

from __future__ import annotations

from dataclasses import replace

from serving.planner.architecture import Architecture
from serving.planner.versions import SECOND_RUNNER, Engine, engine_of

#: (first minor version, families) while only some dense and unquantised language models had it.
_FIRST_FAMILIES = ((22, {"qwen3"}), (23, {"llama", "mistral", "qwen3"}))
#: From this one all models without experts have it, and these with; at last all.
_ALL_DENSE = 25
_FIRST_WITH_EXPERTS = frozenset({"deepseek_v2", "qwen2_moe"})
_ALL = 30


def engine_for(version: str, model: Architecture) -> Engine:
    """The constants of a vLLM version for a model. Raises EngineVersionUnknownError."""
    engine = engine_of(version)
    if engine.is_second_runner or not _has_second_runner(int(engine.version.split(".")[1]), model):
        return engine
    return replace(
        SECOND_RUNNER,
        version=engine.version,
        measured_gpu="",
        default_utilization=engine.default_utilization,
        tokens_rule=engine.tokens_rule,
        batches_in_flight=engine.batches_in_flight,
    )


def _has_second_runner(minor: int, model: Architecture) -> bool:
    if minor >= _ALL:
        return True
    if minor >= _ALL_DENSE:
        return not model.experts or model.model_type in _FIRST_WITH_EXPERTS
    families = next((who for since, who in reversed(_FIRST_FAMILIES) if minor >= since), set())
    is_plain = not (model.experts or model.quantization or model.vision)
    return is_plain and model.model_type in families
