"""Values of foreign files that remember their file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Node:
    """A value and its place. `value` is plain JSON data; `lines` maps places of the file."""

    value: Any
    file: str
    at: Path = ()
    lines: Mapping[Path, int] = field(default_factory=dict, repr=False)

    @property
    def line(self) -> int:
        """The line the value stands on, or that of the nearest value around it."""
        at = self.at
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def child(self, key: str | int, value: Any) -> Node:
        """`value`, which stands under `key` of this one."""
        return Node(value, self.file, (*self.at, key), self.lines)

    def get(self, key: str) -> Node | None:
        """The value under `key` of a mapping; None when it is absent or null."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return None if value is None else self.child(key, value)

    def entries(self) -> Iterator[tuple[str, Node]]:
        """(key, value) of a mapping; nothing for anything else."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield key, self.child(key, value)

    def elements(self) -> Iterator[Node]:
        """The items of a list; nothing for anything else."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield self.child(index, value)

    def text(self, key: str) -> str:
        """The string under `key`; empty when it is absent or something else."""
        found = self.get(key)
        return found.value if found is not None and isinstance(found.value, str) else ""

    def number(self, key: str) -> float | None:
        """The number under `key`, or None."""
        found = self.get(key)
        return as_number(found.value) if found is not None else None


def as_number(value: Any) -> float | None:
    """A number that is one (true is not); None otherwise."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None
