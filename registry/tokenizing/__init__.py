"""Tokens of texts, counted by what the model itself reads them with.

A `tokenizer.json` on this machine comes first, then the model's server where the caller names one;
without either, or when they fail, tokens are estimated. `TokenCounter` is a `CountTokens`.
"""

from __future__ import annotations

from registry.tokenizing.counter import TokenCounter
from registry.tokenizing.files import TokenizerFolders, hub_folder

__all__ = ["TokenCounter", "TokenizerFolders", "hub_folder"]
