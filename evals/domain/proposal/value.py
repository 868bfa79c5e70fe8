"""What a change is, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.findings import Finding
from registry.domain.contract import ContractChange


@dataclass(frozen=True, slots=True)
class PromptChange:
    """One changed prompt: its new version beside what callers have now.

    `old` is the version that the base calls stable, its newest where none is, None for a new
    prompt; `new` is None when the change brings no version. Shares are those of the prompt's text
    that stands before its first variable.
    """

    name: str
    old: int | None
    new: int | None
    diff: str = ""
    contract: tuple[ContractChange, ...] = ()
    shared_before: float | None = None
    shared_now: float | None = None

    @property
    def is_breaking(self) -> bool:
        """Whether callers of the old version must change."""
        return any(change.breaking for change in self.contract)


@dataclass(frozen=True)
class ChangeReport:
    """A change, whole. `elsewhere` are (kind, name) of what changed beside prompts; `reached` maps
    the prompts that this reaches to the reasons.
    """

    base: str
    head: str
    prompts: tuple[PromptChange, ...]
    elsewhere: tuple[tuple[str, str], ...]
    reached: tuple[tuple[str, tuple[str, ...]], ...]
    findings: tuple[Finding, ...]
    ignored: int

    def errors(self) -> Iterator[Finding]:
        """The findings that fail the change."""
        return (finding for finding in self.findings if finding.severity == "error")
