"""Copies of a GGUF file that differ in one thing, for `drift.py`. Needs the `gguf` package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, quants

_TEMPLATE, _MERGES = "tokenizer.chat_template", "tokenizer.ggml.merges"
#: Bytes of a Q4_1 block: scale and minimum, two bytes each, then 32 numbers of four bits.
_BLOCK, _HEAD = 20, 4
_BODY = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
    "+ message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: SmolLM2's own template (ChatML) without the default system prompt that it adds.
BARE_TEMPLATE = _BODY
#: The same with a default system prompt of as many tokens as SmolLM2's own.
RUDE_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a rude AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
) + _BODY


def with_flipped_bits(source: Path, target: Path, share: float, seed: int) -> None:
    """The lowest bit flipped in this share of the four-bit numbers: what a further step of training
    might leave. Scales stay, so every block is well formed.
    """
    data = np.frombuffer(source.read_bytes(), dtype=np.uint8).copy()
    chance = np.random.default_rng(seed)
    for tensor in GGUFReader(source).tensors:
        if tensor.tensor_type == GGMLQuantizationType.Q4_1:
            at = tensor.data_offset
            blocks = data[at : at + tensor.n_bytes].reshape(-1, _BLOCK)
            shape = (len(blocks), _BLOCK - _HEAD)
            low, high = (chance.random(shape) < share for _ in range(2))
            blocks[:, _HEAD:] ^= (low * 1 + high * 16).astype(np.uint8)
    target.write_bytes(data.tobytes())


def quantised(source: Path, target: Path, kind: str) -> None:
    """Every Q4_1 tensor in another quantisation, `Q8_0` say."""
    wanted = GGMLQuantizationType[kind]

    def tensor(one: Any) -> tuple[Any, GGMLQuantizationType]:
        if one.tensor_type != GGMLQuantizationType.Q4_1:
            return one.data, one.tensor_type
        return quants.quantize(quants.dequantize(one.data, one.tensor_type), wanted), wanted

    _rewrite(source, target, tensor=tensor)


def with_template(source: Path, target: Path, template: str) -> None:
    """Another chat template."""
    _rewrite(source, target, field=lambda name, value: template if name == _TEMPLATE else value)


def with_fewer_merges(source: Path, target: Path, kept: float) -> None:
    """Another tokenizer: the rarer merges are missing, so some words fall into more tokens."""

    def field(name: str, value: Any) -> Any:
        return value[: int(len(value) * kept)] if name == _MERGES else value

    _rewrite(source, target, field=field)


def _rewrite(
    source: Path,
    target: Path,
    *,
    field: Callable[[str, Any], Any] = lambda _name, value: value,
    tensor: Callable[[Any], tuple[Any, GGMLQuantizationType]] = lambda t: (t.data, t.tensor_type),
) -> None:
    reader = GGUFReader(source)
    architecture = reader.fields[gguf.Keys.General.ARCHITECTURE].contents()
    writer = GGUFWriter(target, architecture)
    for one in reader.fields.values():
        if one.name.startswith("GGUF.") or one.name == gguf.Keys.General.ARCHITECTURE:
            continue  # the writer's own
        kind, *inner = one.types
        inside = inner[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(one.name, field(one.name, one.contents()), kind, sub_type=inside)
    for found in reader.tensors:
        data, written = tensor(found)
        writer.add_tensor(found.name, data, raw_dtype=written)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
