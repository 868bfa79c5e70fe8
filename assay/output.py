"""How results look: tables for people, one JSON document for machines, one line for errors.

Everything shown may come from a hostile repository or server, so control characters never reach
the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from evals.domain.harmless import one_line, safe

__all__ = [
    "emit",
    "moment",
    "one_line",
    "safe",
    "say",
    "show",
    "table",
    "table_lines",
    "version",
    "write_text",
]

#: Not a terminal: never fold a cell, so that lines stay greppable.
_PIPE_WIDTH = 500


def say(line: str) -> None:
    """One line for the person, on stderr: progress, hints, warnings."""
    print(safe(line), file=sys.stderr, flush=True)


def show(line: str = "") -> None:
    """One line of the result, on stdout."""
    print(safe(line), flush=True)


def write_text(text: str) -> None:
    """A result that is text itself: exact into a pipe, safe on a terminal."""
    shown = safe(text) if sys.stdout.isatty() else text
    sys.stdout.write(shown if shown.endswith("\n") else shown + "\n")
    sys.stdout.flush()


def emit(document: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(document, indent=2, default=str), flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout. None is shown as a dash; lists are joined with commas."""
    for line in table_lines(columns, rows, on_terminal=sys.stdout.isatty()):
        print(line)


def table_lines(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, on_terminal: bool
) -> list[str]:
    """The lines of a table, harmless to print: as wide as the terminal, with a bold head; or as
    wide as it takes, and plain.
    """
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    grid = Table(
        *(Column(Text(name)) for name in columns), box=None, pad_edge=False, header_style="bold"
    )
    for row in rows:
        grid.add_row(*(Text(_cell(value)) for value in row))
    plain: dict[str, Any] = {"width": _PIPE_WIDTH, "color_system": None, "force_terminal": False}
    console = Console(highlight=False, **({} if on_terminal else plain))
    with console.capture() as captured:
        console.print(grid)
    return [line.rstrip() for line in captured.get().splitlines()]


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return one_line(", ".join(str(item) for item in value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one_line(value)


def version(number: int | None) -> str:
    """`v3`; a dash for none."""
    return "-" if number is None else f"v{number}"


def moment(timestamp: object) -> str | None:
    """An ISO timestamp to the minute, as it came (UTC); None stays None."""
    return str(timestamp)[:16].replace("T", " ") if timestamp else None
