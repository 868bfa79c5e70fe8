"""Apply the fixes of findings to the files of a folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from assay.errors import FileUnusableError
from assay.folder import Folder
from core.findings import Finding
from registry.domain.lint import Edit, fix_for
from registry.domain.lint.subject import text_of

_LINE_ENDS = re.compile("(\r\n|\r|\n)")
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def fix_all(files: Folder, findings: Iterable[Finding]) -> int:
    """Settle what has a safe fix. Returns how many were settled. Raises FileUnusableError."""
    by_path: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_path[finding.path].append(finding)
    return sum(_fix_file(files, path, found) for path, found in by_path.items())


def _fix_file(files: Folder, path: str, findings: list[Finding]) -> int:
    text = text_of(files, path)
    if text is None:
        return 0
    edits = [edit for finding in findings if (edit := fix_for(text, finding))]
    if edits:
        _rewrite(files.root / path, edited(files.read(path).decode("utf-8"), edits))
    return len(edits)


def edited(text: str, edits: Iterable[Edit]) -> str:
    """`text` with the edits; its line ends and its byte order mark stay as they are."""
    parts = _LINE_ENDS.split(text)  # lines at even places, their ends at odd ones
    for edit in sorted(edits, key=lambda one: (one.mark.line, one.mark.column), reverse=True):
        place = 2 * (edit.mark.line - 1)
        line = parts[place]
        shift = 1 if place == 0 and line.startswith(_BOM) else 0
        start = edit.mark.column - 1 + shift
        end = start + len(edit.old)
        assert line[start:end] == edit.old
        parts[place] = line[:start] + edit.new + line[end:]
    return "".join(parts)


def _rewrite(file: Path, text: str) -> None:
    """Whole or not at all: a file is never half written."""
    new = file.with_name(f".{file.name}.assay-fix")
    try:
        new.write_bytes(text.encode("utf-8"))
        new.chmod(file.stat().st_mode & 0o777)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise FileUnusableError(f"{file} cannot be written: {error.strerror}") from error
