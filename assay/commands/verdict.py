"""How an evaluation is told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay import output

if TYPE_CHECKING:
    from assay.answers import EvalRun


def tell(run: EvalRun) -> None:
    """The verdict with its reasons and evidence; for a run that goes on, how to follow it."""
    what = output.one_line(f"{run.prompt} {output.version(run.version)} on {run.model}")
    if run.verdict is None:
        _tell_unfinished(run, what)
        return
    output.show(f"{run.verdict}  {what}: {_figures(run)} (gate {run.policy} of {run.tag})")
    for reason in run.reasons:
        output.show(f"  - {output.one_line(reason)}")
    if run.certificate:
        output.show(f"  certificate {run.certificate}")
    output.show(f"  run {run.run}")


def _tell_unfinished(run: EvalRun, what: str) -> None:
    done = f"{run.progress.done} of {run.progress.total} answers"
    output.show(f"{run.status}  {what}: {done}, no verdict yet")
    for name, value in (run.forecast or {}).items():
        if value is not None:
            output.show(f"  {name.replace('_', ' ')}: {output.one_line(value)}")
    output.show(f"  run {run.run}")
    if run.status == "cancelled":
        output.say(f"go on with it: assay runs resume {run.run}")
    else:
        output.say(f"look at it: assay runs show {run.run}")


def _figures(run: EvalRun) -> str:
    text = f"{run.cases} cases" if run.passed is None else f"{run.passed} of {run.cases} cases"
    if run.pass_rate is None or run.interval is None:
        return text
    low, high = run.interval
    return f"{text}, {run.pass_rate:.1%} (between {low:.1%} and {high:.1%})"
