"""The models the planner knows by name: shapes of their published configs, each with its source.

`models.json` keeps the fields of config.json that decide memory. An entry with a `base` is a
quantised copy of another entry. Everything goes through the same reader as a user's file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from serving.planner.architecture import Architecture
from serving.planner.config import read_config
from serving.planner.errors import UnknownModelError


@dataclass(frozen=True)
class Entry:
    """One model of the catalogue. `read_in` says which copy of the source was read."""

    name: str
    source: str
    read_in: str
    architecture: Architecture


def names() -> tuple[str, ...]:
    """Every model of the catalogue, as on the Hugging Face Hub."""
    return tuple(_entries())


def find(name: str) -> Entry:
    """The entry of a model, upper and lower case alike. Raises UnknownModelError."""
    known = {key.lower(): key for key in _entries()}
    key = known.get(name.lower())
    if key is None:
        raise UnknownModelError(f"the planner's catalogue has no model {name[:200]!r}")
    entry = _entries()[key]
    config = read_config(_config(entry), name=key)
    return Entry(key, entry["source"], entry["read_in"], config)


def _config(entry: Mapping[str, Any]) -> dict[str, Any]:
    base = entry.get("base")
    return {**(_config(_entries()[base]) if base else {}), **entry["config"]}


@cache
def _entries() -> Mapping[str, Any]:
    text = resources.files("serving.planner").joinpath("models.json").read_text("utf-8")
    entries: Mapping[str, Any] = json.loads(text)
    return entries
