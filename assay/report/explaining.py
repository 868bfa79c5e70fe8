"""Why one answer came out as it did, in plain text of a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from assay.answers import CaseAnswer, CheckSaid
from assay.answers.reports import RunCase
from assay.answers.results import ArmAnswer
from evals.domain.harmless import cut_line

_DETAIL_CHARACTERS = 300


def reasons(answer: ArmAnswer) -> Iterator[str]:
    """The error, or what each failed check said; one line each."""
    if answer.error:
        yield cut_line(answer.error, _DETAIL_CHARACTERS)
    for check in answer.checks:
        if not check.passed:
            yield _check(check)


def doubt(row: RunCase) -> str:
    """A clause about a flip that need not mean anything; empty for any other case."""
    return ", flaky in the newest runs" if row.is_doubtful else ""


def in_short(answer: CaseAnswer) -> str:
    """The first reason, for a line of its own."""
    return next(reasons(answer), answer.outcome)


def _check(check: CheckSaid) -> str:
    critical = " (critical)" if check.critical else ""
    detail = f": {check.detail}" if check.detail else ""
    return cut_line(f"{check.name}{critical} failed{detail}", _DETAIL_CHARACTERS)
