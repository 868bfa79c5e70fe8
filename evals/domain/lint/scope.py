"""How far a change reaches, as names of what has to be looked at again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """None: everything. `paths` are those that differ between the two states."""

    paths: frozenset[str] | None = None
    prompts: frozenset[str] | None = None
    suites: frozenset[str] | None = None
