"""cases: how each case went in run after run, and the quarantine of those that come and go."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from assay import output
from assay.connection import connected
from assay.fields import document
from assay.options import AsJson, Model, PromptName

if TYPE_CHECKING:
    from assay.case_calls import CaseHistory, Quarantine

#: A run by one sign; repeats that differ have a sign of their own.
_SIGNS = {"pass": "+", "fail": "-", "error": "!"}
_MIXED = "~"
_LEGEND = "runs, oldest first: + passed, - failed, ! could not be judged, ~ repeats differ"

app = typer.Typer(name="cases", help="Cases over runs: stable, flaky, regressed, fixed.")

Suite = Annotated[str, typer.Argument(metavar="SUITE", help="The suite that has the case.")]
Case = Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")]


class Standing(StrEnum):
    """What the newest runs make of a case."""

    STABLE = "stable"
    FLAKY = "flaky"
    REGRESSED = "regressed"
    FIXED = "fixed"
    UNJUDGED = "unjudged"


@app.command("list")
def list_cases(
    name: PromptName,
    model: Model = None,
    suite: Annotated[str | None, typer.Option("--suite", help="Only cases of this suite.")] = None,
    case: Annotated[str | None, typer.Option("--case", help="Only this case.")] = None,
    standing: Annotated[
        Standing | None, typer.Option("--class", help="Only cases of this class.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The cases of a prompt with their outcomes in the newest 20 runs.

    flaky: answers differ where nothing differs; regressed, fixed: since a version.
    """
    kind = None if standing is None else standing.value
    with connected() as client:
        found = list(client.cases(name, model=model, suite=suite, case=case, standing=kind))
    if as_json:
        output.emit({"prompt": name, "cases": [_document(history) for history in found]})
        return
    columns = ("suite", "case", "class", "since", "quarantined until", "runs")
    output.table(columns, (_row(history) for history in found))
    if found:
        output.say(_LEGEND)


@app.command()
def quarantine(
    name: PromptName,
    suite: Suite,
    case: Case,
    owner: Annotated[str, typer.Option("--owner", help="Who sees to it that it is mended.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for every verdict it is in.")],
    days: Annotated[int, typer.Option("--days", min=1, max=30, help="When it ends.")] = 14,
    as_json: AsJson = False,
) -> None:
    """Put a flaky case into quarantine. It makes no run look better, and every verdict names it."""
    until = datetime.now(UTC) + timedelta(days=days)  # noqa: TID251 - an entry point, without Django
    with connected() as client:
        made = client.quarantine_case(name, suite, case, owner=owner, reason=reason, until=until)
    _tell(made, "cases quarantine", as_json)


@app.command()
def lift(name: PromptName, suite: Suite, case: Case, as_json: AsJson = False) -> None:
    """End a quarantine before its time."""
    with connected() as client:
        ended = client.lift_quarantine(name, suite, case)
    _tell(ended, "cases lift", as_json)


@app.command()
def quarantined(
    name: PromptName,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that are over.")] = False,
    as_json: AsJson = False,
) -> None:
    """The cases of a prompt that are in quarantine."""
    with connected() as client:
        found = list(client.quarantine(name, ended=ended))
    if as_json:
        rows = [document("quarantines[]", row) for row in found]
        output.emit({"prompt": name, "quarantines": rows})
        return
    columns = ("suite", "case", "owner", "until", "by", "lifted by", "reason")
    output.table(columns, (_quarantine(row) for row in found))


def _tell(row: Quarantine, command: str, as_json: bool) -> None:
    if as_json:
        output.emit(document(command, row))
    elif row.active:
        until = output.moment(row.expires_at)
        output.show(f"{row.suite}/{row.case} is in quarantine until {until}; owner {row.owner}")
    else:
        output.show(f"{row.suite}/{row.case} is in quarantine no more")


def _row(found: CaseHistory) -> tuple[object, ...]:
    signs = "".join(_sign(run.outcomes) for run in reversed(found.runs))
    since = None if found.since is None else output.version(found.since)
    until = output.moment(found.quarantined_until)
    return (found.suite, found.case, found.standing, since, until, signs)


def _sign(outcomes: tuple[str, ...]) -> str:
    return _SIGNS[outcomes[0]] if len(set(outcomes)) == 1 else _MIXED


def _quarantine(row: Quarantine) -> tuple[object, ...]:
    until = output.moment(row.expires_at)
    who = (row.owner, until, row.created_by, row.lifted_by)
    return (row.suite, row.case, *who, row.reason)


def _document(found: CaseHistory) -> dict[str, object]:
    runs = [document("in_runs[]", run) for run in found.runs]
    return document("cases[]", asdict(found) | {"class": found.standing, "in_runs": runs})
