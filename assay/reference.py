"""The reference page of the command line, from the commands themselves.

`python -m config.docs` writes it to docs/reference/cli.md and checks that it is current.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from assay.exit_codes import MEANINGS
from assay.fields import FIELDS
from assay.main import app

_WIDTH = 90
_HEAD = """\
<!-- Written by `make docs` from the commands' own --help; do not edit. -->
# The `assay` command

Results go to stdout; progress, hints and errors go to stderr. An error is one line,
`error: what is wrong (what to do)`.

| environment | meaning |
| --- | --- |
| `ASSAY_URL` | address of the server; default `http://127.0.0.1:8000` |
| `ASSAY_TOKEN` | API token (`assay token create`) |
| `ASSAY_TOKEN_FILE` | file that holds the token, instead of `ASSAY_TOKEN` |
| `ASSAY_DATA` | data folder of `serve`, `demo`, `migrate` and `token`; default `.assay` |
"""
_JSON = """\
## JSON

`--json` prints one object on stdout with exactly these fields. `name[]` are the items of the list
`name`, `name{}` the values of the object `name`, and `previous` and `progress` are objects or null.
A version is a number (`3` for v3). A refused command prints
`{"error": {"code", "message", "hint", "status", "fields"}}` and keeps its exit code.

| command | fields |
| --- | --- |
"""


def markdown() -> str:
    """The whole page."""
    command = typer.main.get_command(app)
    parts = [_HEAD, _exit_codes(), _JSON + _fields()]
    parts += [f"## {path}\n\n```text\n{text}\n```\n" for path, text in _helps(command)]
    return "\n".join(parts)


def _exit_codes() -> str:
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in MEANINGS.items())
    return f"## Exit codes\n\n| code | meaning |\n| --- | --- |\n{rows}"


def _fields() -> str:
    """One row for all commands that share their fields."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, fields in FIELDS.items():
        names.setdefault(fields, []).append(name)
    return "".join(f"| {_code(said)} | {_code(fields)} |\n" for fields, said in names.items())


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _helps(command: Any, path: str = "assay", parent: Any = None) -> Iterator[tuple[str, str]]:
    """Each command's path and help, depth first in the order they are declared."""
    name = path.rsplit(" ", 1)[-1]
    # A width of our own: the page must not depend on whose terminal wrote it.
    context = typer.Context(
        command, info_name=name, parent=parent, max_content_width=_WIDTH, terminal_width=_WIDTH
    )
    yield path, command.get_help(context).strip()
    if isinstance(command, TyperGroup):
        for child in command.commands.values():
            yield from _helps(child, f"{path} {child.name}", context)
