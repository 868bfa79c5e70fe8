"""`perturb.py MODEL COPY HOW`: a copy of a model that answers a little differently.

HOW is one of

* `noise:SHARE`: Gaussian noise of that share of each tensor's own deviation, as a light fine-tune
  or another revision would bring;
* `int8` and `int4`: weights rounded as quantisation rounds them (a scale for each row, or for each
  32 numbers), and written back as ordinary numbers;
* `merges:SHARE`: the same weights and another tokenizer, with that share of the merges; the last
  ones, of the seldom words, are missing;
* `template`: the same weights and a chat template without the default system prompt.

Runs in the environment of vLLM. Everything else is linked, not copied.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_WEIGHTS = "model.safetensors"
_BARE_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
    "+ message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def perturb(model: Path, copy: Path, how: str) -> None:
    """Make `copy`. Raises SystemExit for an unknown HOW."""
    kind, _, share = how.partition(":")
    changes: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
        "noise": (_WEIGHTS, _weights(lambda w: w + torch.randn_like(w) * w.std() * float(share))),
        "int8": (_WEIGHTS, _weights(lambda w: _rounded(w, w.shape[-1], 127))),
        "int4": (_WEIGHTS, _weights(lambda w: _rounded(w, 32, 7))),
        "merges": ("tokenizer.json", _with_merges(share)),
        "template": ("chat_template.jinja", lambda _, new: _write(new, _BARE_TEMPLATE)),
    }
    if kind not in changes:
        raise SystemExit(f"{how!r} is none of {', '.join(changes)}")
    changed, change = changes[kind]
    copy.mkdir(parents=True)
    for file in model.iterdir():
        if file.name != changed:
            (copy / file.name).symlink_to(file.resolve())
    change(model / changed, copy / changed)


def _weights(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path, Path], None]:
    """Every matrix changed, in float32; norms stay, as quantisation leaves them."""

    def write(old: Path, new: Path) -> None:
        torch.manual_seed(1)
        tensors = {
            name: change(tensor.float()).to(tensor.dtype) if tensor.dim() > 1 else tensor
            for name, tensor in load_file(old).items()
        }
        save_file(tensors, new, metadata={"format": "pt"})

    return write


def _rounded(weights: torch.Tensor, group: int, most: int) -> torch.Tensor:
    groups = weights.reshape(-1, group)
    scale = groups.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / most
    return ((groups / scale).round() * scale).reshape(weights.shape)


def _with_merges(share: str) -> Callable[[Path, Path], None]:
    def write(old: Path, new: Path) -> None:
        tokenizer = json.loads(old.read_text(encoding="utf-8"))
        merges = tokenizer["model"]["merges"]
        tokenizer["model"]["merges"] = merges[: int(len(merges) * float(share))]
        _write(new, json.dumps(tokenizer))

    return write


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    perturb(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
