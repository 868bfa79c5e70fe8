"""`yes`, `no`, `on` or `off` without quotes.

YAML 1.1 read them as true and false, and editors and other tools still do; YAML 1.2, which Assay
reads, takes them for texts. Write `true` or `false` where that is meant, and quotes where the word
is. `assay lint --fix` adds the quotes: that is what the file says today.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.findings import Finding
from registry.domain.lint.rule import Edit, TextRule
from registry.domain.lint.yaml_parts import yaml_part
from registry.domain.positions import Mark

_WORD = re.compile(
    r"(?:^|[\s\[{,:-])(yes|no|on|off)[ \t]*(?=$|[,\]}]|[ \t]#)", re.IGNORECASE | re.MULTILINE
)
_TRUE = frozenset({"yes", "on"})


def check(path: str, text: str) -> Iterator[Finding]:
    """One finding for each such value; keys are left alone."""
    part = yaml_part(path, text) if _WORD.search(text) else None
    if part is None:
        return
    lines = text.split("\n")
    for at, mark in part.values.items():
        word = _plain_word(lines, mark)
        if not word or not isinstance(part.at(at), str):
            continue
        meant = "true" if word.lower() in _TRUE else "false"
        message = f"`{word}` is a text here, and {meant} to tools that read YAML 1.1."
        hint = f'write {meant}, or "{word}" when the word is meant'
        yield Finding(path, mark.line, mark.column, RULE.severity, RULE.id, message, hint)


def fix(text: str, finding: Finding) -> Edit | None:
    """Quotes around the word."""
    mark = Mark(finding.line, finding.column)
    word = _plain_word(text.split("\n"), mark)
    return Edit(mark, word, f'"{word}"') if word else None


def _plain_word(lines: list[str], mark: Mark) -> str:
    """The word that stands unquoted at `mark` and is the whole value; empty when none does."""
    if not 1 <= mark.line <= len(lines):
        return ""
    line = lines[mark.line - 1]
    found = _WORD.match(line, max(mark.column - 2, 0))
    return found[1] if found and found.start(1) == mark.column - 1 else ""


RULE = TextRule("yaml_boolean", "warning", __doc__, check, fix)
