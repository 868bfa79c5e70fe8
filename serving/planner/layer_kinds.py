"""Which layers attend to everything, which to a window, which to a chunk.

Rules: `layer_types` where the config has it; else what the configuration classes of Transformers
derive (`configuration_gemma2.py`, `_gemma3.py`, `_gpt_oss.py`, `_llama4.py`, `_qwen2.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from serving.planner.architecture import Kind
from serving.planner.errors import ModelConfigInvalidError, ModelNotPlannableError
from serving.planner.reading import Section

_KINDS: dict[str, Kind] = {
    "full_attention": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "chunked",
}
Rule = Callable[[Section, int], tuple[Kind, ...]]


def attention_kinds(
    text: Section, model_type: str, layers: int
) -> tuple[tuple[Kind, ...], int | None]:
    """(kind of each layer, window or chunk in tokens; None when every layer is full)."""
    given = text.texts("layer_types")
    kinds = _named(text, given, layers) if given else _derived(text, model_type, layers)
    if "chunked" in kinds:
        return kinds, text.count("attention_chunk_size", most=10**9)
    if "sliding" in kinds:
        return kinds, text.count("sliding_window", most=10**9)
    return kinds, None


def _named(text: Section, given: tuple[str, ...], layers: int) -> tuple[Kind, ...]:
    if len(given) != layers:
        raise ModelConfigInvalidError(
            f"{text.where('layer_types')} in config.json has {len(given)} entries for {layers} "
            "layers"
        )
    unknown = sorted(set(given) - set(_KINDS))
    if unknown:
        raise ModelNotPlannableError(
            f"layers of the kind `{unknown[0][:60]}` ({text.where('layer_types')}) are not known "
            "to the planner"
        )
    return tuple(_KINDS[kind] for kind in given)


def _derived(text: Section, model_type: str, layers: int) -> tuple[Kind, ...]:
    rule = _RULES.get(model_type)
    if rule is not None:
        return rule(text, layers)
    is_full = text.values.get("use_sliding_window") is False or not text.has("sliding_window")
    return (_kind(is_full, "sliding"),) * layers


def _every(period: int, layers: int, others: Kind) -> tuple[Kind, ...]:
    """Every `period`-th layer is full, the others are of the other kind."""
    return tuple(_kind((i + 1) % period == 0, others) for i in range(layers))


def _alternating(_text: Section, layers: int) -> tuple[Kind, ...]:
    return _every(2, layers, "sliding")


def _gemma3(text: Section, layers: int) -> tuple[Kind, ...]:
    return _every(text.optional_count("sliding_window_pattern", most=1000) or 6, layers, "sliding")


def _llama4(text: Section, layers: int) -> tuple[Kind, ...]:
    return _every(text.optional_count("no_rope_layer_interval", most=1000) or 4, layers, "chunked")


def _qwen(text: Section, layers: int) -> tuple[Kind, ...]:
    """Qwen's configs name a window they do not use unless `use_sliding_window` is true."""
    if not text.flag("use_sliding_window", default=False) or not text.has("sliding_window"):
        return _every(1, layers, "full")
    first = text.optional_count("max_window_layers", most=10_000, least=0) or 0
    return tuple(_kind(i < first, "sliding") for i in range(layers))


def _kind(is_full: bool, others: Kind) -> Kind:
    return "full" if is_full else others


_RULES: dict[str, Rule] = {
    "gemma2": _alternating,
    "gpt_oss": _alternating,
    "gemma3_text": _gemma3,
    "llama4_text": _llama4,
    "qwen2": _qwen,
    "qwen2_moe": _qwen,
    "qwen3": _qwen,
    "qwen3_moe": _qwen,
}
