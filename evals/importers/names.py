"""Names that Assay accepts, made from names that other tools accept."""

from __future__ import annotations

import re
import unicodedata

from registry.domain.names import is_name, is_variable_name

MAX_KEY_CHARS = 200


def slug(text: str, default: str) -> str:
    """A valid name of a suite, prompt, model or tag: lower case, at most 60 characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:60].rstrip("-._")
    return name if is_name(name) and name != "partials" else default


def variable(text: str) -> str:
    """A valid name of a variable, the same one when it is valid already."""
    if is_variable_name(text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", plain).strip("_")[:60] or "value"
    name = name if name[0].isalpha() else f"v_{name}"
    return name if is_variable_name(name) else f"{name}_"


class Keys:
    """Hands out names that were not handed out before."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def case(self, text: str) -> str:
        """A case's id: printable, at most 200 characters."""
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return self.unique(line[: MAX_KEY_CHARS - 10].rstrip() or "case", " ({})")

    def unique(self, base: str, suffix: str = "-{}") -> str:
        """`base`, or `base` with the first number that makes it new."""
        name = base
        while name in self._taken:
            self._numbers[base] = self._numbers.get(base, 1) + 1
            name = base + suffix.format(self._numbers[base])
        self._taken.add(name)
        return name
