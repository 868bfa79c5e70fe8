"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Me:
    """Who the token stands for. Empty `prompts` means all of them."""

    name: str
    scopes: tuple[str, ...]
    prompts: tuple[str, ...]
