"""What `assay ci` has to tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from assay import exit_codes
from assay.answers import VariableChange
from assay.answers.checks import CommitCheck
from core.findings import Finding

VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")


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
    contract: tuple[VariableChange, ...] = ()
    shared_before: float | None = None
    shared_now: float | None = None

    @property
    def is_breaking(self) -> bool:
        """Whether callers of the old version must change."""
        return any(change.breaking for change in self.contract)


@dataclass(frozen=True, slots=True)
class CiReport:
    """A change, whole. `elsewhere` are (kind, name) of what changed beside prompts; `reached` maps
    the prompts that this reaches to the reasons.

    `check` is the server's evaluation, None without a server; `failure` says why it is missing
    although it was asked for.
    """

    base: str
    head: str
    prompts: tuple[PromptChange, ...]
    elsewhere: tuple[tuple[str, str], ...]
    reached: tuple[tuple[str, tuple[str, ...]], ...]
    findings: tuple[Finding, ...]
    ignored: int
    check: CommitCheck | None = None
    failure: str = ""

    def evaluated(self, check: CommitCheck | None, failure: str = "") -> CiReport:
        """The report with what became of the evaluation."""
        return replace(self, check=check, failure=failure)

    def errors(self) -> Iterator[Finding]:
        """The findings that fail the change."""
        return (finding for finding in self.findings if finding.severity == "error")

    @property
    def verdict(self) -> str:
        """FAIL for an error of the lint, else that of the evaluation; PASS where none was needed.

        Without a server it speaks of the lint alone.
        """
        if any(self.errors()):
            return "FAIL"
        if self.failure:
            return "ERROR"
        if self.check is None or (self.check.verdict is None and not self.check.prompts):
            return "PASS"
        return self.check.verdict if self.check.verdict in VERDICTS else "ERROR"

    @property
    def exit_code(self) -> int:
        """That of the verdict."""
        return exit_codes.of_verdict(self.verdict)
