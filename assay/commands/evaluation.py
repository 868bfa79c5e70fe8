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

if TYPE_CHECKING:
    from assay.answers import EvalRun
    from assay.client import Assay


def evaluate(
    name: PromptName,
    version: VersionArgument = None,
    version_named: Version = None,
    model: Model = None,
    tag: Annotated[str, typer.Option("--tag", help="Whose gate policy decides.")] = "stable",
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
    3 INCONCLUSIVE, 4 ERROR or no answer. Ctrl-C stops the waiting, not the run.
    """
    with connected() as client:
        if version is None and version_named is None:
            version = _newest(client, name)
        number = required_version(version, version_named)
        run = client.evaluate(name, number, model=model, tag=tag)
        if wait_for_it:
            run = _awaited(client, run, Pace(patience=patience))
    if as_json:
        output.emit(document("eval", run))
    else:
        tell(run)
    if wait_for_it:
        raise typer.Exit(exit_codes.of_verdict(run.verdict))


def _newest(client: Assay, name: str) -> int:
    versions = client.tags(name).versions
    if not versions:
        raise PromptMissingError(f"{name} has no version yet")
    return max(versions)


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
