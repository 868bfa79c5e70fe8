"""How a check ends, and what the Git host is told on the way there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from evals.commit_checks.report import comment, evaluation
from evals.models import CommitCheck


def end(check: CommitCheck, verdict: str, sentences: Sequence[str], now: datetime) -> None:
    """Give a locked check its verdict. Joins the transaction."""
    check.status, check.verdict = CommitCheck.Status.DONE, verdict
    check.sentences, check.finished_at = list(sentences), now
    check.owner, check.leased_until = "", None
    prompts = list(check.prompts.select_related("run__model", "run__baseline", "run__proposed"))
    check.report_markdown = evaluation(prompts)
    check.comment_markdown = comment(check)
    check.save()
    tell(check)


def tell(check: CommitCheck) -> None:
    """Have the Git host show how the check stands. Joins the transaction."""
