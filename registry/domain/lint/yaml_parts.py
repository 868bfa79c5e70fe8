"""Which part of a file is YAML: all of it, or what stands between two `---` lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.domain.documents import MAX_REGISTER_VALUES, load
from registry.domain.layout import REGISTERS
from registry.domain.positions import Document, Mark, Path

_FENCE = "---"
_WITH_FRONT_MATTER = (".jinja2", ".md")


@dataclass(frozen=True)
class YamlPart:
    """The values of a file, with their places in the file."""

    document: Document

    @property
    def values(self) -> Mapping[Path, Mark]:
        """Where each value stands."""
        return self.document.values

    def at(self, path: Path) -> Any:
        """The value at `path`; None when an alias hides it."""
        value = self.document.value
        for step in path:
            try:
                value = value[step]
            except (LookupError, TypeError):
                return None
        return value


def yaml_lines(path: str, text: str) -> range:
    """The lines of a file that are YAML, counted from 1; empty when there are none."""
    if path.endswith(".yaml"):
        return range(1, text.count("\n") + 2)
    if not path.endswith(_WITH_FRONT_MATTER) or not text.startswith(f"{_FENCE}\n"):
        return range(0)
    end = text.find(f"\n{_FENCE}", len(_FENCE))
    return range(2, text.count("\n", 0, end) + 2) if end >= 0 else range(0)


def yaml_part(path: str, text: str) -> YamlPart | None:
    """The YAML of a file; None when there is none, or it cannot be read (the parser says so)."""
    lines = yaml_lines(path, text)
    if not lines:
        return None
    chosen = "\n".join(text.split("\n")[lines.start - 1 : lines.stop - 1])
    limit = (MAX_REGISTER_VALUES,) if path in REGISTERS else ()
    document = load(chosen, lines.start, *limit)
    return None if document.problem else YamlPart(document)
