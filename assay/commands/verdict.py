"""How an evaluation is told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay import output

if TYPE_CHECKING:
    from assay.answers import EvalRun


def tell(run: EvalRun) -> None:
    """The verdict with its reasons and evidence; for a run that goes on, how to follow it."""
    from assay.report.headline import run_lines

    for line in run_lines(run):
        output.show(line)
    follow_up(run)


def follow_up(run: EvalRun) -> None:
    """What to do next with a run that is not finished."""
    if run.status == "cancelled":
        output.say(f"go on with it: assay runs resume {run.run}")
    elif not run.is_over:
        output.say(f"look at it: assay runs show {run.run}")
