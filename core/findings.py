"""What is wrong with a file of the prompt repository, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem in one file. `line` and `column` count from 1; 0 means the file as a whole."""

    path: str
    line: int
    column: int
    severity: Severity
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`path:line:column: severity code: message (hint)`, the form editors can jump to."""
        where = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        tail = f" ({self.hint})" if self.hint else ""
        return f"{where}: {self.severity} {self.code}: {self.message}{tail}"
