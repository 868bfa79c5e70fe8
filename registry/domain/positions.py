"""Where things stand in a YAML document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is not an acceptable document, and where."""

    mark: Mark
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Document:
    """A parsed document. `value` is shared between callers: read it, never change it."""

    value: Any
    keys: Mapping[Path, Mark] = field(default_factory=dict)
    values: Mapping[Path, Mark] = field(default_factory=dict)
    problem: Problem | None = None

    def mark(self, path: Path) -> Mark:
        """Where the value at `path` starts, or the nearest value around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark(1, 1))

    def key_mark(self, path: Path) -> Mark:
        """Where the key that leads to `path` stands; a list item's own place."""
        return self.keys.get(path) or self.mark(path)
