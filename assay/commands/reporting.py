"""Write a report down: in which format, and where to."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from assay import output
from assay.errors import FileUnusableError
from core.errors import InvalidError

if TYPE_CHECKING:
    from assay.answers.reports import Change
    from assay.report.value import Report


class Format(StrEnum):
    """How a report can be written."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    HTML = "html"


class FormatUnclearError(InvalidError):
    """Two formats were asked for."""

    code = "format_unclear"
    hint = "--json is short for --format json; leave one of them away"


def chosen(named: Format | None, as_json: bool) -> Format:
    """The format that two options ask for. Raises FormatUnclearError."""
    if as_json and named not in {None, Format.JSON}:
        raise FormatUnclearError(f"--json and --format {named} disagree")
    return Format.JSON if as_json else named or Format.TABLE


def shown_cases(form: Format) -> tuple[tuple[Change, ...], int | None]:
    """Which cases a format shows, and how many of them at most; None: all."""
    from assay.answers.reports import NEWS
    from assay.report import html, markdown, table

    if form == Format.JUNIT:
        return (), None
    most = {
        Format.TABLE: table.MOST_CASES,
        Format.MARKDOWN: markdown.MOST_CASES,
        Format.HTML: html.MOST_CASES,
    }
    return (*NEWS, "failing"), most.get(form)


def write(report: Report, form: Format, file: Path | None) -> None:
    """The report into `file`, or on stdout. Raises FileUnusableError."""
    if file is None:
        # Nothing in it can drive a terminal but the styles of a table's head.
        sys.stdout.write(text(report, form, on_terminal=sys.stdout.isatty()))
        sys.stdout.flush()
        return
    try:
        file.write_text(text(report, form, on_terminal=False), encoding="utf-8", newline="\n")
    except OSError as error:
        raise FileUnusableError(f"{file} cannot be written: {error.strerror}") from error
    output.say(f"written: {file}")


def text(report: Report, form: Format, *, on_terminal: bool = False) -> str:
    """The report in a format, with a line feed at the end."""
    match form:
        case Format.TABLE:
            from assay.report.table import table

            return table(report, on_terminal=on_terminal)
        case Format.JSON:
            from assay.report.document import document

            return json.dumps(document(report), indent=2, default=str) + "\n"
        case Format.JUNIT:
            from assay.report.junit import junit

            return junit(report)
        case Format.MARKDOWN:
            from assay.report.markdown import markdown

            return markdown(report)
        case Format.HTML:
            from assay.report.html import html

            return html(report)
