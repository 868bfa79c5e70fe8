"""Options and arguments that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.settings import DEFAULT_DATA
from assay.target import VersionInvalidError, parse_version
from core.errors import InvalidError


class VersionUnclearError(InvalidError):
    """Say the version once: as an argument or with --version."""

    code = "version_unclear"


def version_option(text: str) -> int:
    """Typer's parser of `v3` and `3`."""
    try:
        return parse_version(text)
    except VersionInvalidError as error:
        raise typer.BadParameter(f"{error.message}; {error.hint}.") from error


PromptName = Annotated[str, typer.Argument(metavar="NAME", help="The prompt's name.")]
VersionArgument = Annotated[
    int | None,
    typer.Argument(metavar="VERSION", parser=version_option, help="v3 or 3."),
]
Version = Annotated[
    int | None,
    typer.Option("--version", metavar="VERSION", parser=version_option, help="v3 or 3."),
]
Tag = Annotated[str, typer.Option("--tag", help="The tag to move.")]
Model = Annotated[
    str | None,
    typer.Option("--model", help="A model of models.yaml.", show_default="the prompt's own"),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the ledger.")]
IfRevision = Annotated[
    int | None,
    typer.Option(
        "--if-revision",
        min=0,
        help="Move the tag only if this is still its revision (0: it was never set).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="ASSAY_DATA",
        file_okay=False,
        show_envvar=True,
        help="Folder of the embedded services and their data.",
    ),
]
DATA = Path(DEFAULT_DATA)


def required_version(argument: int | None, option: int | None) -> int:
    """The version, given either way. Raises VersionUnclearError."""
    if argument is not None and option is not None and argument != option:
        raise VersionUnclearError(f"v{argument} and --version v{option} disagree")
    version = argument if option is None else option
    if version is None:
        raise VersionUnclearError("which version?", hint="write it after the name: NAME v3")
    return version
