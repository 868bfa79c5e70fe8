"""Foreign files as Nodes: YAML 1.2, JSON, JSONL, CSV. Only `ImportRefusedError` comes out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evals.domain.json_values import JsonError, read_json, unstorable_text
from evals.importers.errors import ImportRefusedError
from evals.importers.expansion import Expander
from evals.importers.nodes import Node, Path
from registry.domain.documents import load
from registry.domain.positions import Document

MAX_VALUES = 100_000
MAX_CONFIG_BYTES = 4 * 1024 * 1024
MAX_ROWS = 20_000
MAX_LINE_CHARS = 1_000_000
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+|\n')


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a JSONL or CSV file, or why it cannot be used (then `node.value` is None)."""

    node: Node
    problem: str = ""


def decode(path: str, data: bytes) -> str:
    """The text with LF line ends and no byte order mark. Raises ImportRefusedError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ImportRefusedError(f"{path}:{line}: the file is not UTF-8 text") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ImportRefusedError(f"{path}:{line}: the file holds a NUL character")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_document(path: str, data: bytes) -> Node:
    """A YAML or JSON file, its `<<` and `$ref` put in place. Raises ImportRefusedError."""
    if len(data) > MAX_CONFIG_BYTES:
        raise ImportRefusedError(f"{path}: more than {MAX_CONFIG_BYTES:,} bytes of YAML or JSON")
    text = decode(path, data)
    if path.endswith(".json") or text.lstrip()[:1] in {"{", "["}:
        node = _json(path, text)
        if node is not None:
            return Expander(node).expanded()
    return Expander(_yaml(path, text)).expanded()


def read_yaml_text(text: str) -> Any:
    """A value written as YAML or JSON inside another file. Raises ImportRefusedError."""
    try:
        return read_json(text)
    except JsonError:
        return _yaml("", text).value


def _yaml(path: str, text: str) -> Node:
    document: Document = load(text, 1, MAX_VALUES)
    if document.problem:
        place = f"{path}:{document.problem.mark.line}: " if path else ""
        raise ImportRefusedError(f"{place}{document.problem.message}")
    lines = {at: mark.line for at, mark in document.values.items()}
    return Node(document.value, path, (), lines)


def _json(path: str, text: str) -> Node | None:
    """None when it is not JSON: what looks like it may be YAML, which then says what is wrong."""
    try:
        value = read_json(text)
    except JsonError as error:
        if path.endswith(".json"):
            raise ImportRefusedError(f"{path}: this is not JSON: {error.message}") from None
        return None
    if problem := unstorable_text(value):
        raise ImportRefusedError(f"{path}: {problem}")
    return Node(value, path, (), json_lines(text))


def json_lines(text: str) -> dict[Path, int]:
    """The line of every value of a text that is known to be JSON."""
    lines: dict[Path, int] = {}
    stack: list[str | int] = []
    line, is_key = 1, False
    kinds: list[str] = []
    for part in _TOKEN.findall(text):
        if part == "\n":
            line += 1
        elif part in "}]":
            kinds.pop()
            stack.pop()
        elif part == ",":
            if kinds[-1] == "[":
                stack[-1] = int(stack[-1]) + 1
            is_key = kinds[-1] == "{"
        elif part == ":":
            is_key = False
        elif is_key:
            stack[-1] = read_json(part)
        else:
            lines[tuple(stack)] = line
            if part in "{[":
                kinds.append(part)
                stack.append("" if part == "{" else 0)
                is_key = part == "{"
    return lines


def read_jsonl(path: str, data: bytes) -> Iterator[Row]:
    """One object a line; a line that is none comes with its problem. At most MAX_ROWS rows."""
    count = 0
    for number, line in enumerate(io.StringIO(decode(path, data), newline="\n"), 1):
        if not line.strip():
            continue
        count += 1
        place: dict[Path, int] = {(): number}
        if count > MAX_ROWS:
            yield Row(Node(None, path, (), place), f"only {MAX_ROWS:,} rows are read")
            return
        if len(line) > MAX_LINE_CHARS:
            problem = f"the line is longer than {MAX_LINE_CHARS:,} characters"
            yield Row(Node(None, path, (), place), problem)
            continue
        try:
            value = read_json(line)
        except JsonError as error:
            yield Row(Node(None, path, (), place), f"the line is not JSON: {error.message}")
            continue
        problem = unstorable_text(value) or ""
        yield Row(Node(None if problem else value, path, (), place), problem)


def read_csv(path: str, data: bytes) -> tuple[list[str], list[Row]]:
    """The header, trimmed, and the records as mappings of texts. Raises ImportRefusedError."""
    text = decode(path, data)
    try:
        return _table(path, text, is_strict=True)
    except csv.Error:
        pass  # quotes in the middle of a cell: the original falls back the same way
    try:
        return _table(path, text, is_strict=False)
    except csv.Error as error:
        raise ImportRefusedError(f"{path}: this is not CSV: {error}") from None


def _table(path: str, text: str, *, is_strict: bool) -> tuple[list[str], list[Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=is_strict)
    header: list[str] = []
    rows: list[Row] = []
    line = 1
    for cells in reader:
        if cells and not header:
            header = [cell.strip() for cell in cells]
        elif cells:
            rows.append(_record(_place(path, line), header, cells))
        line = reader.line_num + 1
        if len(rows) > MAX_ROWS:
            raise ImportRefusedError(f"{path}: more than {MAX_ROWS:,} rows")
    return header, rows


def _record(place: Node, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        problem = f"the row has {len(cells)} cells and the header {len(header)}"
        return Row(place, problem)
    value = dict(zip(header, cells, strict=True))
    if problem := unstorable_text(value) or "":
        return Row(place, problem)
    return Row(Node(value, place.file, (), place.lines))


def _place(path: str, line: int) -> Node:
    return Node(None, path, (), {(): line})
