"""Text with slots: strings, and the places where values of variables go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the value of a variable goes."""

    name: str


Parts = tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    role: str
    content: Parts


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Where the caller's own messages go."""

    name: str


@dataclass(frozen=True, slots=True)
class Open:
    """A text that is known but for its slots."""

    parts: Parts


@dataclass
class Text:
    """Text that is being written; neighbouring strings are one part."""

    _parts: list[str | Slot] = field(default_factory=list)

    @property
    def parts(self) -> Parts:
        """What was written."""
        return tuple(self._parts)

    @property
    def value(self) -> str | Open:
        """The same as a value: a plain string where it has no slot."""
        return "".join(map(str, self._parts)) if not _has_slot(self._parts) else Open(self.parts)

    def write(self, parts: Iterable[str | Slot]) -> str:
        """Add to the end. Returns what clients would misread in the result; empty: nothing."""
        for part in parts:
            last = self._parts[-1] if self._parts else None
            tail = last if isinstance(last, str) else ""
            if isinstance(part, Slot):
                if tail.endswith("{"):
                    return f"a `{{` right before the variable `{part.name}`"
                self._parts.append(part)
            elif part:
                if "{{" in tail[-1:] + part:
                    return "a literal `{{`, which clients take for a variable"
                if tail:
                    self._parts[-1] = tail + part
                else:
                    self._parts.append(part)
        return ""


def _has_slot(parts: Iterable[str | Slot]) -> bool:
    return any(isinstance(part, Slot) for part in parts)
