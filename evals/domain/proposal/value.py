"""What a change is, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.findings import Finding
from registry.domain.contract import ContractChange


@dataclass(frozen=True, slots=True)
class PromptChange:
    """One changed prompt: its new version beside what callers have now.

    `old` is the version that is live: that of the registry where one is asked, else the one that
    the base calls stable, its newest where none is, None for a new prompt. `called_live` is the one
    that the base calls stable where the registry has another. `new` is None when the change brings
    no version. Shares are those of the tokens of the prompt's text that stand before its first
    variable, and `counted` says how they were counted. `unmeasured` are other versions that come
    with the change.
    """

    name: str
    old: int | None
    new: int | None
    diff: str = ""
    contract: tuple[ContractChange, ...] = ()
    shared_before: float | None = None
    shared_now: float | None = None
    counted: str = ""
    called_live: int | None = None
    unmeasured: tuple[int, ...] = ()

    @property
    def is_breaking(self) -> bool:
        """Whether callers of the old version must change."""
        return any(change.breaking for change in self.contract)

    @property
    def notes(self) -> Iterator[str]:
        """Sentences on what was measured beside what, where it is not what one would think."""
        if self.called_live is not None:
            yield (
                f"The base's tags.yaml calls v{self.called_live} live, and v{self.old} is: "
                f"it is compared with v{self.old}."
            )
        if self.unmeasured:
            others = ", ".join(f"v{number}" for number in self.unmeasured)
            yield f"The change also brings {others}: of several versions the newest is measured."


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

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ChangeReport:
        """What `to_json` wrote."""
        return cls(
            base=value["base"],
            head=value["head"],
            prompts=tuple(map(_prompt, value["prompts"])),
            elsewhere=tuple((kind, name) for kind, name in value["elsewhere"]),
            reached=tuple((name, tuple(reasons)) for name, reasons in value["reached"]),
            findings=tuple(Finding(**found) for found in value["findings"]),
            ignored=value["ignored"],
        )

    def errors(self) -> Iterator[Finding]:
        """The findings that fail the change."""
        return (finding for finding in self.findings if finding.severity == "error")


def _prompt(value: Mapping[str, Any]) -> PromptChange:
    contract = tuple(ContractChange(**change) for change in value["contract"])
    unmeasured = tuple(value.get("unmeasured", ()))
    return PromptChange(**{**value, "contract": contract, "unmeasured": unmeasured})
