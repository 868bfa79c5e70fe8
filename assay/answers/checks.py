"""The check of a proposed commit, as the server tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from assay.answers.runs import Progress


@dataclass(frozen=True, slots=True)
class CheckStarted:
    """A check that the server has taken on; `url` is its page."""

    id: str
    status: str
    url: str


@dataclass(frozen=True, slots=True)
class CheckedPrompt:
    """One prompt of the commit, evaluated against what is live. `verdict` is None until then, and
    where there was nothing to evaluate.
    """

    prompt: str
    version: int | None
    verdict: str | None
    reasons: tuple[str, ...] = ()
    run: str | None = None


@dataclass(frozen=True, slots=True)
class CommitCheck:
    """How the check of a commit stands. `verdict` is None until it is done, and when no prompt had
    to be evaluated. `report_markdown` tells the evaluation as a comment would.
    """

    id: str
    status: Literal["queued", "running", "done"]
    verdict: str | None
    prompts: tuple[CheckedPrompt, ...] = ()
    progress: Progress | None = None
    report_markdown: str = field(default="")

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status == "done"
