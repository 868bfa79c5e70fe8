"""What `assay ci` has to tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assay import exit_codes
from assay.answers.checks import CommitCheck
from evals.domain.proposal import ChangeReport

VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")


@dataclass(frozen=True)
class CiReport:
    """A change, and what became of its evaluation.

    `check` is the server's evaluation, None without a server; `failure` says why it is missing
    although it was asked for.
    """

    change: ChangeReport
    check: CommitCheck | None = None
    failure: str = ""

    def evaluated(self, check: CommitCheck | None, failure: str = "") -> CiReport:
        """The report with what became of the evaluation."""
        return replace(self, check=check, failure=failure)

    @property
    def verdict(self) -> str:
        """FAIL for an error of the lint, else that of the evaluation; PASS where none was needed.

        Without a server it speaks of the lint alone.
        """
        if any(self.change.errors()):
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
