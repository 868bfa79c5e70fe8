"""render, diff: what a version says, and what changed. On the server, or in a local repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay import output
from assay.connection import connected
from assay.fields import document
from assay.options import AsJson, PromptName, Version, version_option
from assay.variables import gathered, json_object
from core.errors import InvalidError

if TYPE_CHECKING:
    from assay.answers import RenderedPrompt, VersionDiff

Repository = Annotated[
    Path | None,
    typer.Option("--repo", metavar="PATH", file_okay=False, help="Use this folder, no server."),
]
Old = Annotated[int, typer.Argument(metavar="OLD", parser=version_option, help="v3 or 3.")]
New = Annotated[int, typer.Argument(metavar="NEW", parser=version_option, help="v3 or 3.")]


class TwoSourcesError(InvalidError):
    """A local file has no tags and is one version: leave --tag and --version away."""

    code = "two_sources"


def render(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME", help="A version's file (no server needed), or a prompt's name."
        ),
    ],
    version: Version = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="What this tag points at.", show_default="stable")
    ] = None,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="NAME=TEXT", help="A variable; NAME:=JSON for other types."),
    ] = None,
    vars_file: Annotated[
        Path | None, typer.Option("--vars", metavar="FILE", help="A JSON object of variables.")
    ] = None,
    placeholders_file: Annotated[
        Path | None,
        typer.Option("--placeholders", metavar="FILE", help="A JSON object of message lists."),
    ] = None,
    repo: Repository = None,
    as_json: AsJson = False,
) -> None:
    """Put variables in and print what a model gets."""
    variables = gathered(vars_file, var or [])
    placeholders = json_object(placeholders_file) if placeholders_file else {}
    rendered = _rendered(source, version, tag, repo, variables, placeholders)
    if as_json:
        output.emit(document("render", rendered))
    elif rendered.type == "text":
        output.write_text(rendered.text)
    else:
        for message in rendered.messages:
            output.show(f"[{message.role}]")
            output.write_text(message.content)


def diff(
    name: PromptName,
    old: Old,
    new: New,
    repo: Repository = None,
    as_json: AsJson = False,
) -> None:
    """What changed between two versions.

    The text as a unified diff, and the changes that callers will notice.
    """
    if repo is None:
        with connected() as client:
            found = client.diff(name, old, new)
    else:
        found = _local_diff(repo, name, old, new)
    if as_json:
        output.emit(document("diff", found))
        return
    if found.text:
        output.write_text(found.text)
    for change in found.contract:
        label = "BREAKING" if change.breaking else "compatible"
        output.show(output.one_line(f"{label} {change.kind} {change.variable}: {change.message}"))


def _rendered(
    source: str,
    version: int | None,
    tag: str | None,
    repo: Path | None,
    variables: dict[str, Any],
    placeholders: dict[str, Any],
) -> RenderedPrompt:
    is_file = source.endswith(".jinja2") or Path(source).is_file()
    if (is_file and (tag or version)) or (repo and tag):
        raise TwoSourcesError
    if not is_file and repo is None:
        with connected() as client:
            return client.render(
                source, tag=tag, version=version, variables=variables, placeholders=placeholders
            )
    from assay import local
    from assay.local_rendering import render_locally

    if is_file:
        root, path = local.repository_of(Path(source))
        content = local.load(root).at(path)
    else:
        content = local.load(repo or Path()).version(source, version)
    return render_locally(content, variables, placeholders)


def _local_diff(repo: Path, name: str, old: int, new: int) -> VersionDiff:
    from assay import local
    from assay.local_diff import compare

    repository = local.load(repo)
    return compare(repository.version(name, old), repository.version(name, new))
