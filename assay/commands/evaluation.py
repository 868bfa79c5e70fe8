"""The command `eval`: does a version do its job on a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assay import exit_codes, output
from assay.commands.verdict import tell
from assay.connection import connected
from assay.errors import PromptMissingError
from assay.fields import document
from assay.options import AsJson, Model, PromptName, Version, VersionArgument, required_version
from assay.waiting import Pace, wait
from core.errors import InvalidError

if TYPE_CHECKING:
    from assay.answers import EvalRun, Forecast
    from assay.client import Assay


class EvaluationUnclearError(InvalidError):
    """These options do not go together."""

    code = "evaluation_unclear"


def evaluate(
    name: PromptName,
    version: VersionArgument = None,
    version_named: Version = None,
    model: Model = None,
    tag: Annotated[
        str,
        typer.Option("--tag", help="Whose gate policy decides, and whose version is live."),
    ] = "stable",
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what it would cost and could decide.")
    ] = False,
    against_itself: Annotated[
        bool,
        typer.Option("--aa", help="Ask what is live everything twice: how much do answers flip?"),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask everything, even what earlier runs were answered.")
    ] = False,
    wait_for_it: Annotated[
        bool, typer.Option("--wait", help="Wait for the verdict; it decides the exit code.")
    ] = False,
    patience: Annotated[
        float,
        typer.Option(
            "--patience", min=0, metavar="SECONDS", help="How long the server may be out of reach."
        ),
    ] = 300,
    as_json: AsJson = False,
) -> None:
    """Evaluate a version; certify it if it passes.

    Without VERSION the newest one. With --wait the exit code is the verdict: 0 PASS, 1 FAIL,
    3 INCONCLUSIVE, 4 ERROR or no answer. Ctrl-C stops the waiting, not the run. --plan starts
    nothing; --aa certifies nothing.
    """
    named = version if version_named is None else version_named
    if against_itself:
        _refuse("--aa", {"a version": named is not None, "--plan": plan})
    if plan:
        _refuse("--plan", {"--wait": wait_for_it, "--fresh": fresh})
    with connected() as client:
        if against_itself:
            run = client.compare_live_with_itself(name, model=model, tag=tag)
        else:
            number = _number(client, name, version, version_named)
            if plan:
                _tell_plan(client.plan(name, number, model=model, tag=tag), as_json)
                return
            run = client.evaluate(name, number, model=model, tag=tag, fresh=fresh)
        if wait_for_it:
            run = _awaited(client, run, Pace(patience=patience))
    _tell(run, as_json)
    if wait_for_it:
        raise typer.Exit(_exit_code(run))


def _refuse(option: str, others: dict[str, bool]) -> None:
    for other, is_given in others.items():
        if is_given:
            raise EvaluationUnclearError(f"{option} and {other} do not go together")


def _number(client: Assay, name: str, argument: int | None, option: int | None) -> int:
    if argument is None and option is None:
        return _newest(client, name)
    return required_version(argument, option)


def _newest(client: Assay, name: str) -> int:
    versions = client.tags(name).versions
    if not versions:
        raise PromptMissingError(f"{name} has no version yet")
    return max(versions)


def _tell_plan(plan: Forecast, as_json: bool) -> None:
    from assay.report.headline import forecast_lines

    if as_json:
        output.emit(document("eval --plan", plan))
        return
    for line in forecast_lines(plan):
        output.show(line.strip())
    output.say("nothing was started")


def _tell(run: EvalRun, as_json: bool) -> None:
    if as_json:
        output.emit(document("eval --aa" if run.is_self_comparison else "eval", run))
    else:
        tell(run)


def _exit_code(run: EvalRun) -> int:
    """A comparison of a version with itself has no verdict: what counts is that it measured."""
    if run.is_self_comparison:
        measured = run.measured.flip_rate is not None
        return exit_codes.PASS if measured else exit_codes.NOT_EVALUATED
    return exit_codes.of_verdict(run.verdict)


def _awaited(client: Assay, run: EvalRun, pace: Pace) -> EvalRun:
    from assay.progress import shown

    try:
        with shown(run) as watcher:
            return wait(lambda: client.run(run.run), watcher, pace)
    except KeyboardInterrupt:
        output.say(
            f"the run goes on; look at it with `assay runs show {run.run}`, "
            f"stop it with `assay runs cancel {run.run}`"
        )
        raise typer.Exit(exit_codes.INTERRUPTED) from None
