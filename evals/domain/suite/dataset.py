"""Datasets: one JSON object a line (`.jsonl`), or a table with a header row (`.csv`, RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evals.domain.json_values import JsonError, read_json
from registry.domain.positions import Mark
from registry.domain.source import Source

MAX_DATASET_BYTES = 64 * 1024 * 1024
MAX_CASES = 20_000
#: A file with more problems than this has one problem; nobody reads the rest.
MAX_FINDINGS = 100
MAX_COLUMNS = 200
MAX_LINE_CHARS = 1_000_000
EXTENSIONS = (".jsonl", ".csv")

#: Columns with a meaning of their own; every other column is a variable.
SPECIAL_COLUMNS = ("id", "expected", "critical")
_BOOLEANS = {"": False, "false": False, "true": True}
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Row:
    """One case as it stands in a dataset, in the shape of a JSONL row. `line` counts from 1."""

    value: Any
    line: int


def read_dataset(source: Source, data: bytes) -> Iterator[Row]:
    """The rows that can be read, at most MAX_CASES; the rest become findings of `source`.

    Reading stops after MAX_FINDINGS findings, also when the caller added them.
    """
    if data.startswith(_LFS_POINTER):
        hint = "store the file itself in Git"
        message = "This is a Git LFS pointer, not the dataset."
        source.report_mark(Mark(0, 0), "dataset_is_pointer", message, hint=hint)
        return
    text = source.decode(data, MAX_DATASET_BYTES)
    if text is None:
        return
    rows = _csv_rows(source, text) if source.path.endswith(".csv") else _jsonl_rows(source, text)
    yield from _bounded(source, rows)


def _bounded(source: Source, rows: Iterator[Row]) -> Iterator[Row]:
    count = 0
    for row in rows:
        if count == MAX_CASES:
            message = f"The dataset has more than {MAX_CASES:,} cases."
            _report(source, row.line, "dataset_too_large", message, hint="split the suite")
            return
        count += 1
        yield row
        if _is_full(source):
            message = f"The file has more than {MAX_FINDINGS} problems; the rest was not read."
            _report(source, row.line, "too_many_findings", message)
            return
    if count == 0 and not source.findings:
        source.report_mark(Mark(0, 0), "dataset_empty", "The dataset has no cases.")


def _is_full(source: Source) -> bool:
    return len(source.findings) >= MAX_FINDINGS


def _report(source: Source, line: int, code: str, message: str, hint: str = "") -> None:
    source.report_mark(Mark(line, 1), code, message, hint=hint)


def _jsonl_rows(source: Source, text: str) -> Iterator[Row]:
    # Not str.splitlines: U+2028 and its kin are ordinary characters inside JSON strings.
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE_CHARS:
            message = f"This line is longer than {MAX_LINE_CHARS:,} characters."
            _report(source, number, "dataset_line", message)
            continue
        try:
            yield Row(read_json(line), number)
        except JsonError as error:
            message = f"This line is not a JSON object: {error.message}."
            _report(source, number, "dataset_json", message, hint="each line is one JSON object")
            if _is_full(source):
                return


def _records(source: Source, text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every record that is not blank. A syntax error ends the table."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        _report(source, line, "dataset_csv", f"This record is not CSV: {error}.")


def _header_problem(names: list[str]) -> str | None:
    if len(names) > MAX_COLUMNS:
        return f"There are more than {MAX_COLUMNS:,} columns."
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        return "The columns are not separated by commas."
    if "" in names:
        return f"Column {names.index('') + 1} has no name."
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"The column {twice[:60]!r} is given twice."
    return None if "id" in names else "There is no column `id`."


def _csv_rows(source: Source, text: str) -> Iterator[Row]:
    records = _records(source, text)
    line, header = next(records, (1, []))
    if not header:
        return
    names = [name.strip() for name in header]
    if problem := _header_problem(names):
        _report(source, line, "dataset_columns", problem)
        return
    for line, cells in records:
        if len(cells) == len(names):
            yield Row(_case(dict(zip(names, cells, strict=True))), line)
            continue
        message = f"{len(cells)} cells, but the header has {len(names)} columns."
        _report(source, line, "dataset_columns", message)
        if _is_full(source):
            return


def _case(cells: dict[str, str]) -> dict[str, Any]:
    """The JSONL form of a CSV row: variables are text, an empty `expected` is none."""
    case: dict[str, Any] = {
        "id": cells["id"],
        "variables": {k: v for k, v in cells.items() if k not in SPECIAL_COLUMNS},
    }
    if cells.get("expected"):
        case["expected"] = cells["expected"]
    if "critical" in cells:
        word = cells["critical"].strip().lower()
        # A word that is neither stays a text, which the reader of cases refuses with its line.
        case["critical"] = _BOOLEANS.get(word, cells["critical"])
    return case
