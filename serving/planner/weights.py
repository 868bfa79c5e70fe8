"""Bytes of the weights on one rank, as `Model loading took ... GiB` reports them.

PyTorch's caching allocator is part of it: a block of 10 MiB and more is taken from the driver in
steps of 2 MiB, and a rest of at most 1 MiB stays with it (kMinLargeAlloc, kRoundLarge, kSmallSize
of c10/cuda/CUDACachingAllocator). Without it Qwen2.5-7B would be 0.055 GiB too small.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from serving.planner.architecture import Architecture
from serving.planner.errors import ModelConfigInvalidError
from serving.planner.tensors import Tensor, ends, rank_tensors

GIB = 2**30
_MIB = 2**20
_MIN_LARGE_ALLOCATION = 10 * _MIB
_LARGE_STEP = 2 * _MIB
_KEPT_REST = _MIB
_SMALL_STEP = 512
_MADE_WHILE_LOADING = frozenset({"rotary tables", "absorbed projections"})


@dataclass(frozen=True)
class Weights:
    """Bytes per rank, by group of tensors; the fullest pipeline rank decides."""

    bytes: float
    groups: tuple[tuple[str, float], ...]

    @property
    def gib(self) -> float:
        """The same in GiB."""
        return self.bytes / GIB


def allocated(size: float) -> int:
    """Bytes the allocator counts for a tensor of `size` bytes."""
    exact = math.ceil(size)
    if exact < _MIN_LARGE_ALLOCATION:
        return -(-exact // _SMALL_STEP) * _SMALL_STEP
    rounded = -(-exact // _LARGE_STEP) * _LARGE_STEP
    return rounded if rounded - exact <= _KEPT_REST else exact


def rank_weights(model: Architecture, *, tp: int, pp: int, width: int) -> Weights:
    """The weights of the fullest of `tp` x `pp` ranks; `width`: bytes of an unquantised element."""
    layers = -(-model.layers // pp)
    tensors = list(rank_tensors(model, tp, layers=layers, width=width))
    outer = list(ends(model, tp, width))
    # the first stage holds the embedding, the last one the head (both, when they are tied)
    tensors += outer if pp == 1 else [max(outer, key=lambda tensor: tensor.bytes)]
    return _sum(tensors)


def checkpoint_bytes(model: Architecture) -> float:
    """What the same formulas say of the files on the Hub: one rank, nothing kept beside them."""
    tensors = [*rank_tensors(model, 1, layers=model.layers, width=model.dtype_bytes)]
    tensors += ends(model, 1, model.dtype_bytes)
    return sum(t.bytes * t.copies for t in tensors if t.group not in _MADE_WHILE_LOADING)


def index_ratio(model: Architecture, index_bytes: int) -> float:
    """The files' bytes over what the shapes say, for what the shapes do not know.

    Raises ModelConfigInvalidError when the two cannot belong to one model.
    """
    expected = checkpoint_bytes(model)
    ratio = index_bytes / expected
    if not 0.5 <= ratio <= 2:
        raise ModelConfigInvalidError(
            f"the safetensors index counts {index_bytes / GIB:.2f} GiB, the shapes of config.json "
            f"make {expected / GIB:.2f} GiB",
            hint="are both files of the same model and revision?",
        )
    return ratio


def total_size(text: bytes | str) -> int:
    """`metadata.total_size` of a model.safetensors.index.json. Raises ModelConfigInvalidError."""
    try:
        size = json.loads(text)["metadata"]["total_size"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise ModelConfigInvalidError(
            f"model.safetensors.index.json has no metadata.total_size: {error}"
        ) from error
    if isinstance(size, float) and size.is_integer():
        size = int(size)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size < 10**14:
        raise ModelConfigInvalidError(
            "metadata.total_size of model.safetensors.index.json is not a number of bytes"
        )
    return size


def _sum(tensors: Iterable[Tensor]) -> Weights:
    groups: dict[str, float] = defaultdict(float)
    for tensor in tensors:
        groups[tensor.group] += allocated(tensor.bytes) * tensor.copies
    return Weights(sum(groups.values()), tuple(groups.items()))
