"""How a check ends, and what the Git host is told on the way there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from evals import queries
from evals.commit_checks.address import page_of
from evals.commit_checks.report import comment, evaluation
from evals.domain.proposal import ChangeReport
from evals.models import CommitCheck
from registry import githost
from registry.models import HostReport

#: What the Git host lists it under.
CONTEXT = "assay/check"
#: Between two words about progress.
_PAUSE = timedelta(seconds=20)
_TOLD = 100
_EVALUATES = "evaluates:"
_STATES = {
    "PASS": HostReport.State.PASSED,
    "FAIL": HostReport.State.FAILED,
    "INCONCLUSIVE": HostReport.State.UNDECIDED,
    "ERROR": HostReport.State.BROKEN,
}


def end(check: CommitCheck, verdict: str, sentences: Sequence[str], now: datetime) -> None:
    """Give a locked check its verdict. Joins the transaction."""
    prompts = list(check.prompts.select_related("run__model", "run__baseline", "run__proposed"))
    check.report_markdown = evaluation(prompts)
    _end(check, verdict, sentences, now)


def break_off(check: CommitCheck, reason: str, now: datetime) -> None:
    """End a locked check of which no report can be made: what it changes is not shown, its runs
    are where they were. Joins the transaction.
    """
    check.change = {}
    _end(check, "ERROR", (reason,), now)


def _end(check: CommitCheck, verdict: str, sentences: Sequence[str], now: datetime) -> None:
    check.status, check.verdict = CommitCheck.Status.DONE, verdict
    check.sentences, check.finished_at = list(sentences), now
    check.owner, check.leased_until = "", None
    check.comment_markdown = comment(check)
    check.save()
    tell(check)


def tell(check: CommitCheck) -> None:
    """Have the Git host show how the check stands. Joins the transaction.

    Progress is told when it is new, and not more often than somebody would look. A check that no
    pull request asked for is told to whoever did.
    """
    if check.pull_request is None:
        return
    title, now = title_of(check), timezone.now()
    if check.status == CommitCheck.Status.RUNNING and check.told_at is not None:
        is_early = check.told.startswith(_EVALUATES) and now - check.told_at < _PAUSE
        if title[:_TOLD] == check.told or is_early:
            return
    check.told, check.told_at = title[:_TOLD], now
    check.save(update_fields=["told", "told_at"])
    report = ChangeReport.from_json(check.change) if check.change else None
    shown = githost.Shown(
        state=_state(check),
        title=title,
        summary=check.comment_markdown,
        address=page_of(check),
        findings=report.findings if report and check.verdict else (),
        pull_request=check.pull_request,
        comment=_comment(check),
    )
    githost.show(check.head, CONTEXT, shown)


def title_of(check: CommitCheck) -> str:
    """How a check stands, in a line."""
    if check.verdict:
        return f"{check.verdict}: {'; '.join(check.sentences)}"
    if check.prepared_at is None:
        return "waits" if check.status == CommitCheck.Status.QUEUED else "reads the commit"
    progress = queries.check_progress(check) or {"done": 0, "total": 0}
    return f"{_EVALUATES} {progress['done']:,} of {progress['total']:,} answers"


def _state(check: CommitCheck) -> HostReport.State:
    if check.is_cancelled:
        return HostReport.State.CANCELLED
    if check.verdict:
        return _STATES[check.verdict]
    queued = check.status == CommitCheck.Status.QUEUED
    return HostReport.State.QUEUED if queued else HostReport.State.RUNNING


def _comment(check: CommitCheck) -> str:
    """The verdict; until then which commit is looked at. A newer head has a comment of its own."""
    if check.is_cancelled:
        return ""
    return check.comment_markdown or f"### ⏳ Assay checks {check.head[:12]}\n"
