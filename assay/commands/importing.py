"""import: suites of other tools as files of a prompt repository, with a fidelity report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay import output
from assay.fields import document
from assay.options import AsJson

if TYPE_CHECKING:
    from evals.importers.run import Imported

#: Items named on the terminal; the report has them all.
MAX_SHOWN = 10


class Format(StrEnum):
    """The tools whose suites can be imported."""

    PROMPTFOO = "promptfoo"
    OPENAI_EVALS = "openai-evals"
    OPENAI_API = "openai-api"


def import_suite(
    tool: Annotated[Format, typer.Argument(metavar="promptfoo|openai-evals|openai-api")],
    source: Annotated[
        Path, typer.Argument(metavar="PATH", help="The tool's configuration, or its folder.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", file_okay=False, help="Where the files are written."),
    ],
    name: Annotated[
        str,
        typer.Option(
            "--name", help="Name of the suite and prompt.", show_default="that of the source"
        ),
    ] = "",
    judge: Annotated[
        str,
        typer.Option(
            "--judge",
            metavar="MODEL",
            help="The served id of the model that judges where the source names none.",
        ),
    ] = "",
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="DIR",
            file_okay=False,
            help="The folder that may be read, around PATH.",
            show_default="that of PATH",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import a suite of another tool.

    Writes suites, datasets and prompts, and fidelity.md, which says what became of every item of
    the source. Nothing of the source is executed, and nothing is written when the import fails.
    """
    from evals.importers.run import read_import, write_import

    imported = read_import(tool.value, source, name, judge, root)
    write_import(imported, out, force=force)
    if as_json:
        output.emit(document("import", _told(imported, out)))
    else:
        _show(imported, out)


def _told(imported: Imported, out: Path) -> dict[str, Any]:
    outcome = imported.outcome
    lost = [item.to_json(count) for item, count in imported.fidelity.items()]
    return {
        "out": str(out),
        "suites": list(outcome.suites),
        "cases": outcome.cases,
        "cases_without_checks": outcome.unchecked,
        "files": list(outcome.files),
        **imported.fidelity.summary().to_json(),
        "items": [item for item in lost if item["fate"] != "mapped"],
    }


def _show(imported: Imported, out: Path) -> None:
    outcome, counts = imported.outcome, imported.fidelity.summary()
    output.show(
        f"{out}: {len(outcome.suites)} suites, {outcome.cases} cases, {len(outcome.files)} files"
    )
    output.show(
        f"{counts.mapped} items mapped, {counts.mapped_with_difference} with a difference, "
        f"{counts.not_mapped} not mapped"
    )
    lost = imported.lost()
    for item in lost[:MAX_SHOWN]:
        where = f"{item.path}:{item.line}"
        output.show(output.one_line(f"not mapped: {where}: {item.kind} {item.what}: {item.detail}"))
    if len(lost) > MAX_SHOWN:
        output.show(f"and {len(lost) - MAX_SHOWN} more that were not mapped")
    if not outcome.suites:
        output.say("no suite was written: nothing that could be mapped checks any case")
    elif outcome.unchecked:
        output.say(f"{outcome.unchecked} cases have no check and were kept outside the dataset")
    has_prompts = any(path.startswith("prompts/") for path in outcome.files)
    then = f"; then `assay lint {out}`" if has_prompts else "; it made no prompt"
    output.say(f"read {out / 'fidelity.md'} before you rely on the suite{then}")
