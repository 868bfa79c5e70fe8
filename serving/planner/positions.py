"""How long a context a model allows, and the rotary tables vLLM keeps for it.

Sources: vLLM 0.19.0 `_get_and_verify_max_len` (config/model.py) for the length;
model_executor/layers/rotary_embedding (base.py, linear_scaling_rope.py, yarn_scaling_rope.py) for
the tables: cos and sin of every position, in the model's dtype, whatever --max-model-len says.
"""

from __future__ import annotations

from collections.abc import Mapping

from serving.planner.architecture import Rope
from serving.planner.reading import Section

_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
_NO_LIMIT = 10**8
#: Scalings that already count in max_position_embeddings.
_INCLUDED = frozenset({"default", "llama3", "longrope", "su", "mrope", "proportional"})


def max_position(text: Section, model_type: str) -> int:
    """The longest context in tokens that vLLM accepts for the model."""
    published = text.optional_count(*_LENGTHS) or _NO_LIMIT
    if model_type == "gemma3_text":  # its published length counts the scaling already
        return published
    return _scaled(text, published)


def rope_tables(text: Section, model_type: str, head_dim: int) -> Rope:
    """The rotary tables of one rank. Models without known positions have none."""
    published = text.optional_count(*_LENGTHS)
    if published is None:
        return Rope(positions=0, dims=0)
    share = min(1.0, text.number("partial_rotary_factor", 1.0))
    dims = max(1, int(head_dim * share))
    if model_type == "gemma3_text":  # one table for the windows, a scaled one for full layers
        return Rope(published + _scaled(text, published), dims)
    return Rope(_scaled(text, published), dims)


def _scaling(text: Section) -> Section | None:
    """The scaling of the full layers: Transformers 5 writes one for each kind of layer."""
    scaling = text.section("rope_scaling") or text.section("rope_parameters")
    if scaling is None:
        return None
    is_by_kind = isinstance(scaling.values.get("full_attention"), Mapping)
    return scaling.section("full_attention") if is_by_kind else scaling


def _scaled(text: Section, published: int) -> int:
    scaling = _scaling(text)
    if scaling is None:
        return published
    kind = scaling.text("rope_type") or scaling.text("type", "default")
    if kind in _INCLUDED:
        return published
    factor = scaling.number("factor", 1.0)
    if kind in {"yarn", "deepseek_yarn"}:
        original = scaling.optional_count("original_max_position_embeddings") or published
        return min(_NO_LIMIT, int(original * factor))
    return min(_NO_LIMIT, int(published * factor))
