"""runs: evaluations that were, and that are going on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from assay import output
from assay.commands.reporting import Format, chosen, shown_cases, write
from assay.commands.verdict import follow_up, tell
from assay.connection import connected
from assay.fields import document
from assay.options import AsJson, Version

if TYPE_CHECKING:
    from assay.answers import CaseAnswer, EvalRun
    from assay.client import Assay
    from assay.report.value import Report

#: Of an answer in a table; `--json` has all of it.
_SHOWN_CHARACTERS = 100

app = typer.Typer(name="runs", help="Evaluations. Without a subcommand: list them.")

RunId = Annotated[UUID, typer.Argument(metavar="RUN", help="The run's id.")]
OfPrompt = Annotated[str | None, typer.Option("--prompt", help="Only runs of this prompt.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Newest runs to show.")]


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    prompt: OfPrompt = None,
    version: Version = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Evaluations. Without a subcommand: list them, newest first."""
    if context.invoked_subcommand is None:
        list_runs(prompt, version, limit, as_json)


@app.command("list")
def list_runs(
    prompt: OfPrompt = None, version: Version = None, limit: Limit = 20, as_json: AsJson = False
) -> None:
    """List evaluations, newest first."""
    with connected() as client:
        found = list(islice(client.runs(prompt=prompt, version=version), limit))
    if as_json:
        output.emit({"runs": [document("runs[]", run) for run in found]})
        return
    columns = ("run", "prompt", "version", "model", "status", "verdict", "cases", "passed", "at")
    output.table(columns, (_row(run) for run in found))


@app.command("show")
def show_run(
    run_id: RunId,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="How to write it.", show_default="table"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", dir_okay=False, help="Where to, instead of stdout."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One evaluation: verdict, reasons, figures, and what became of each case.

    junit is for continuous integration, markdown for a comment, html for a file to keep; --json is
    short for --format json.
    """
    chosen_form = chosen(form, as_json)
    with connected() as client:
        report = _report(client, str(run_id), chosen_form)
    write(report, chosen_form, file)
    if chosen_form == Format.TABLE:
        follow_up(report.run)


def _report(client: Assay, run_id: str, form: Format) -> Report:
    """The report with the cases that this format shows: the rest is counted by the server."""
    from assay.report.making import nothing_yet, report_of

    run = client.run(run_id)
    if not run.progress.done:
        return report_of(run, nothing_yet(run), ())
    changes, most = shown_cases(form)
    size = {} if most is None else {"page_size": most}
    found = islice(client.run_cases(run_id, changes=changes, **size), most)
    return report_of(run, client.report(run_id), found)


@app.command()
def results(
    run_id: RunId,
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not pass.")] = False,
    as_json: AsJson = False,
) -> None:
    """The answers of an evaluation, case by case."""
    with connected() as client:
        found = list(client.results(str(run_id), failed=failed))
    if as_json:
        output.emit({"run": str(run_id), "results": [document("results[]", r) for r in found]})
        return
    columns = ("suite", "case", "repeat", "outcome", "answer", "error")
    output.table(columns, (_answer(result) for result in found))


@app.command()
def cancel(run_id: RunId, as_json: AsJson = False) -> None:
    """Stop an evaluation. What was answered is kept."""
    with connected() as client:
        _told("runs cancel", client.cancel(str(run_id)), as_json)


@app.command()
def resume(run_id: RunId, as_json: AsJson = False) -> None:
    """Go on with an evaluation where it stopped."""
    with connected() as client:
        _told("runs resume", client.resume(str(run_id)), as_json)


def _told(command: str, run: EvalRun, as_json: bool) -> None:
    if as_json:
        output.emit(document(command, run))
    else:
        tell(run)


def _answer(result: CaseAnswer) -> tuple[object, ...]:
    text = result.text[:_SHOWN_CHARACTERS]
    return (result.suite, result.case, result.repeat, result.outcome, text, result.error)


def _row(run: EvalRun) -> tuple[object, ...]:
    what = (run.run, run.prompt, output.version(run.version), run.model)
    return (*what, run.status, run.verdict, run.cases, run.passed, output.moment(run.created_at))
