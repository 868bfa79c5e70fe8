"""Text as PostgreSQL can hold it, whatever characters a repository or a model put into it."""

from __future__ import annotations

from typing import Any

from registry.domain.names import UNSTORABLE


def storable(text: str) -> str:
    """`text` with a replacement character for each that PostgreSQL refuses."""
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def storable_json(value: Any) -> Any:
    """A JSON value with every text in it, keys too, made storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable_json(key): storable_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(one) for one in value]
    return value
