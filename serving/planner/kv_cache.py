"""How many tokens and requests a given number of bytes holds.

Source: vLLM 0.19.0 v1/core/kv_cache_utils.py and v1/kv_cache_interface.py. Layers of one kind form
groups of equal size; a block of a group is 16 tokens in all its layers; all groups draw from one
pool of blocks of the same bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from serving.planner.architecture import Kind
from serving.planner.request import BLOCK_TOKENS, Settings

#: Kinds with less than 1.5 times the layers of the rarest share the group size of the largest.
_NEARLY_EQUAL = 1.5


@dataclass(frozen=True)
class Layout:
    """Groups of layers on one rank, and bytes.

    `groups` has (kind, number of groups); `layer_page` is bytes of one layer's block.
    """

    groups: tuple[tuple[Kind, int], ...]
    layers_per_group: int
    layer_page: int
    layers: int

    @property
    def block_bytes(self) -> int:
        """Bytes of one block of the pool."""
        return self.layers_per_group * self.layer_page

    @property
    def bytes_per_token(self) -> int:
        """Bytes a rank keeps per token while no window has slid: all its layers."""
        return self.layers * self.layer_page // BLOCK_TOKENS


@dataclass(frozen=True)
class Capacity:
    """What the pool holds. `blocks_per_request` is for a request of max_model_len tokens."""

    blocks: int
    blocks_per_request: int
    tokens: int
    max_concurrency: float


def layout(settings: Settings) -> Layout:
    """The groups on the fullest pipeline rank."""
    model = settings.model
    layers = -(-model.layers // settings.pp)
    counts = Counter(model.attention.kinds[:layers])
    fewest, most = min(counts.values()), max(counts.values())
    size = most if most < fewest * _NEARLY_EQUAL else fewest
    groups = tuple((kind, -(-count // size)) for kind, count in sorted(counts.items()))
    return Layout(groups, size, _layer_page(settings), layers)


def _layer_page(settings: Settings) -> int:
    attention = settings.model.attention
    if attention.mla:  # one compressed vector, on every rank
        elements = attention.mla.kv_lora_rank + attention.mla.qk_rope_head_dim
    else:
        elements = 2 * max(1, attention.kv_heads // settings.tp) * attention.head_dim
    return BLOCK_TOKENS * elements * settings.kv_width


def capacity(settings: Settings, cache: Layout, available_bytes: float) -> Capacity:
    """Blocks, tokens and requests of max_model_len in `available_bytes` of a rank."""
    blocks = max(0, int(available_bytes // cache.block_bytes))
    per_request = blocks_per_request(settings, cache)
    concurrency = blocks / per_request
    if settings.engine.tokens_rule == "concurrency":
        tokens = int(concurrency * settings.max_model_len)
    else:
        tokens = blocks // sum(count for _, count in cache.groups) * BLOCK_TOKENS
    return Capacity(blocks, per_request, tokens, concurrency)


def blocks_per_request(settings: Settings, cache: Layout) -> int:
    """Blocks of the pool that one request of max_model_len tokens can take."""
    return sum(count * _blocks(settings, kind) for kind, count in cache.groups)


def _blocks(settings: Settings, kind: Kind) -> int:
    length = settings.max_model_len
    if kind == "full":
        return -(-length // BLOCK_TOKENS)
    in_flight = settings.engine.batches_in_flight * settings.max_num_batched_tokens
    window = settings.model.attention.window or length
    if kind == "chunked":
        return -(-min(window + in_flight, length) // BLOCK_TOKENS)
    # the window's start may lie inside a block: one more
    return -(-min(window - 1 + in_flight, length) // BLOCK_TOKENS) + 1
