"""What an import refuses as a whole. What it refuses in part stands in the fidelity report."""

from __future__ import annotations

from core.errors import ConflictError, InvalidError, NotFoundError


class ImportRefusedError(InvalidError):
    """This cannot be imported."""

    code = "import_refused"
    hint = "nothing was written"


class SourceMissingError(NotFoundError):
    """There is nothing to import here."""

    code = "import_source_missing"


class TargetExistsError(ConflictError):
    """The import would overwrite files."""

    code = "import_target_exists"
    hint = "choose another folder or --name, or add --force; nothing was written"


class UnreadableError(Exception):
    """A file that an import refers to cannot be read; `reason` is a clause for the report."""

    def __init__(self, reason: str, todo: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.todo = todo
