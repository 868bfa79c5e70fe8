"""The demo model's own tokenizer as a tokenizer.json, made of what its GGUF says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tests.integration.serving.llama_server import weights

#: `tokenizer.ggml.token_type` of those that stand for themselves in a text: `<|im_start|>`.
_CONTROL = 3


def write_tokenizer(path: Path) -> Path:
    """Write it to `path`. SmolLM2 splits digits, then as GPT-2 does (`smollm` in llama.cpp)."""
    fields = GGUFReader(weights()).fields

    def told(name: str) -> list[Any]:
        return list(fields[f"tokenizer.ggml.{name}"].contents())

    names = told("tokens")
    merges = [tuple(merge.split(" ")) for merge in told("merges")]
    tokenizer = Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = zip(names, told("token_type"), strict=True)
    tokenizer.add_special_tokens(
        [AddedToken(name, special=True) for name, kind in kinds if kind == _CONTROL]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return path
