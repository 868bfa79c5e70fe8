"""The difference of two texts, as programs and people read it."""

from __future__ import annotations

import difflib


def unified(old: str, new: str, *, before: str, after: str) -> str:
    """A unified diff; empty when nothing differs. `before` and `after` name the two."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), before, after
    )
    return "".join(lines)
