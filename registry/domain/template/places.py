"""Columns in templates. Jinja2 knows only lines, so the word itself is looked for."""

from __future__ import annotations

import re

from registry.domain.positions import Mark

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def locate(source: str, line: int, word: str, first_line: int = 1) -> Mark:
    """Where `word` stands on `line` of `source`, preferably inside a tag; column 1 if nowhere.

    `first_line` is the file's line on which `source` starts.
    """
    lines = source.split("\n")
    line = min(max(line, 1), len(lines))
    text = lines[line - 1]
    start = sum(len(before) + 1 for before in lines[: line - 1])
    column = _in_tags(source, start, start + len(text), word) if word else 0
    if not column:
        column = (
            text.find(word) + 1 if word and word in text else len(text) - len(text.lstrip()) + 1
        )
    return Mark(first_line + line - 1, min(column, len(text) + 1))


def _in_tags(source: str, start: int, end: int, word: str) -> int:
    """Column of `word` as a whole word inside a tag on the line from `start` to `end`; 0: none."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(word)}(?!\w)")
    for tag in _TAG.finditer(source):
        if tag.start() > end:
            break
        found = pattern.search(source, max(tag.start(), start), min(tag.end(), end))
        if found and tag.end() > start:
            return found.start() - start + 1
    return 0
