"""What an import has gathered, before it becomes files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evals.importers.nodes import Node
from evals.importers.vocabulary import Check


@dataclass(frozen=True)
class PromptDraft:
    """One prompt of the source: it becomes a version. `body` is Jinja2 without front matter.

    `names` are the variables it uses, `printed` those it only prints.
    """

    node: Node
    label: str
    is_chat: bool
    body: str
    names: frozenset[str] = frozenset()
    printed: frozenset[str] = frozenset()
    differences: tuple[str, ...] = ()


@dataclass
class CaseDraft:
    """One row of a dataset. `expected` None means that the row has none."""

    node: Node
    key: str
    variables: dict[str, Any] = field(default_factory=dict)
    placeholders: dict[str, Any] = field(default_factory=dict)
    expected: Any = None
    checks: list[Check] = field(default_factory=list)
    threshold: float | None = None
    tags: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """The row as JSON; what says nothing is left out."""
        parts = {
            "variables": self.variables,
            "placeholders": self.placeholders,
            "expected": self.expected,
            "threshold": self.threshold,
            "checks": self.checks,
            "tags": self.tags,
        }
        return {"id": self.key} | {k: v for k, v in parts.items() if v not in (None, [], {})}


@dataclass
class SuiteDraft:
    """A suite with its prompt. `checks` apply to every case; `judges` is the suite's own key."""

    name: str
    description: str = ""
    repeats: int = 1
    threshold: float | None = None
    checks: list[Check] = field(default_factory=list)
    cases: list[CaseDraft] = field(default_factory=list)
    prompts: list[PromptDraft] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    judges: dict[str, Any] = field(default_factory=dict)

    def decides(self, case: CaseDraft) -> bool:
        """Whether a check with weight judges the case; those without only measure."""
        return any(check.get("weight", 1) > 0 for check in (*self.checks, *case.checks))


@dataclass
class Draft:
    """A whole import. `models` are entries of models.yaml, `rubrics` file bodies by name."""

    format: str
    source: str
    suites: list[SuiteDraft] = field(default_factory=list)
    models: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rubrics: dict[str, str] = field(default_factory=dict)
