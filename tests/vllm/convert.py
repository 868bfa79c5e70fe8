"""`convert.py SOURCE FOLDER`: the packaged GGUF model as a Hugging Face folder that vLLM can serve.

SOURCE is a GGUF file. Runs in the environment of vLLM (torch, transformers, gguf, accelerate),
without network. The 4-bit weights are written as the numbers they stand for, in bfloat16.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

#: What only says where a model came from.
_ORIGIN = {"quantization_config", "gguf_file", "_name_or_path", "_model_name_or_path"}


def convert(source: Path, folder: Path) -> None:
    """Write config, weights, tokenizer and chat template to `folder`."""
    where = {"gguf_file": source.name, "dtype": torch.bfloat16}
    # transformers keeps GGUF weights packed unless told otherwise, and cannot save packed ones.
    unpacked = AutoModelForCausalLM.from_pretrained(
        str(source.parent), quantization_config=GgufConfig(dequantize=True), **where
    )
    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name)
    model = _clean(unpacked, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(f"{folder}: {sum(p.numel() for p in model.parameters()):,} parameters")


def _clean(unpacked: Any, tokenizer: Any) -> Any:
    """An ordinary model of the same shape with the same weights."""
    settings = {k: v for k, v in unpacked.config.to_dict().items() if k not in _ORIGIN}
    config = unpacked.config.__class__(**settings)
    config.architectures = [unpacked.__class__.__name__]
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in _SPECIAL}
    for name, token in special.items():
        setattr(config, name, token)
    model = unpacked.__class__(config).to(torch.bfloat16)
    lost = model.load_state_dict(unpacked.state_dict(), strict=False)
    if lost.unexpected_keys or set(lost.missing_keys) - {"lm_head.weight"}:
        raise SystemExit(f"the weights do not fit the model: {lost}")
    model.tie_weights()  # lm_head is the embedding
    model.config.dtype = torch.bfloat16
    model.generation_config = GenerationConfig(**special)
    return model


_SPECIAL = ("bos", "eos", "pad")


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
