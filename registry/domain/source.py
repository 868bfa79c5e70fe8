"""One file under inspection: its path, its document, and the findings so far."""

from __future__ import annotations

from core.findings import Finding, Severity
from registry.domain.documents import MAX_REGISTER_VALUES, MAX_VALUES, load
from registry.domain.positions import Document, Mark, Path

#: Prompts, partials, prompt.yaml and suites.
MAX_FILE_BYTES = 256 * 1024
#: models.yaml, gates.yaml and tags.yaml, which name every prompt of the repository.
MAX_REGISTER_BYTES = 8 * 1024 * 1024

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


class Source:
    """Collects what is wrong with one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.document = Document(None)
        self.findings: list[Finding] = []

    @property
    def is_broken(self) -> bool:
        """Whether anything worse than a warning was found."""
        return any(finding.severity == "error" for finding in self.findings)

    def decode(self, data: bytes, limit: int = MAX_FILE_BYTES) -> str | None:
        """The file as text with LF line ends and no byte order mark; None after a finding."""
        if len(data) > limit:
            message = f"The file has {len(data):,} bytes; at most {limit:,} are read."
            self.report_mark(Mark(0, 0), "file_too_large", message)
            return None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            where = _place(data[: error.start])
            self.report_mark(where, "file_not_utf8", "The file is not UTF-8 text.")
            return None
        text = text.removeprefix(_BOM).replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in text:
            where = _place(text[: text.index("\0")].encode())
            self.report_mark(where, "file_has_nul", "The file holds a NUL character.")
            return None
        return text

    def load(self, text: str, *, first_line: int = 1, is_register: bool = False) -> bool:
        """Parse `text` as the file's YAML; False after a finding."""
        limit = MAX_REGISTER_VALUES if is_register else MAX_VALUES
        self.document = load(text, first_line, limit)
        problem = self.document.problem
        if problem:
            self.report_mark(problem.mark, problem.code, problem.message, hint=problem.hint)
        return problem is None

    def report(
        self, at: Path, code: str, message: str, *, severity: Severity = "error", hint: str = ""
    ) -> None:
        """A finding at the value of `at`."""
        self.report_mark(self.document.mark(at), code, message, severity=severity, hint=hint)

    def report_key(
        self, at: Path, code: str, message: str, *, severity: Severity = "error", hint: str = ""
    ) -> None:
        """A finding at the key that leads to `at`."""
        self.report_mark(self.document.key_mark(at), code, message, severity=severity, hint=hint)

    def report_mark(
        self, mark: Mark, code: str, message: str, *, severity: Severity = "error", hint: str = ""
    ) -> None:
        """A finding at a line and column of the file; `Mark(0, 0)` is the file as a whole."""
        found = Finding(self.path, mark.line, mark.column, severity, code, message, hint)
        self.findings.append(found)


def _place(before: bytes) -> Mark:
    """The place after `before`, whose last lines are still readable text."""
    text = before.decode("utf-8", "replace").removeprefix(_BOM)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Mark(text.count("\n") + 1, len(text) - text.rfind("\n"))
