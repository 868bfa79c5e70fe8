"""Where the files of an openai/evals registry are."""

from __future__ import annotations

from dataclasses import dataclass, field

from evals.importers.errors import ImportRefusedError, UnreadableError
from evals.importers.fidelity import Fidelity
from evals.importers.loading import Row, read_document, read_jsonl
from evals.importers.nodes import Node
from evals.importers.sources import SourceFolder, inside, unpacked

_ELSEWHERE = "it is kept somewhere else, and an import uses no network"
_FETCH = "download it into the folder and name it there"


@dataclass
class Registry:
    """`home` is the folder that holds `evals/`, `data/` and `modelgraded/`."""

    folder: SourceFolder
    report: Fidelity
    #: The model that judges, by the name it is served under; empty when nobody said.
    judge: str = ""
    home: str = ""
    _graded: dict[str, Node] = field(default_factory=dict)

    def rows(self, reference: str) -> tuple[str, list[Row]]:
        """(path, rows) of a JSONL. Raises UnreadableError, which names a Git LFS pointer."""
        if "://" in reference:
            raise UnreadableError(_ELSEWHERE, _FETCH)
        path = self._found(reference)
        try:
            return path, list(read_jsonl(path, unpacked(path, self.folder.read(path))))
        except ImportRefusedError as error:
            raise UnreadableError(error.message) from error

    def _found(self, reference: str) -> str:
        bases = (f"{self.home}/data" if self.home else "data", self.home or "", "")
        candidates = [inside(base, reference) for base in bases]
        return next((path for path in candidates if self.folder.exists(path)), candidates[0])

    def graded(self, name: str) -> Node:
        """The modelgraded specification `name`. Raises UnreadableError."""
        if not self._graded:
            base = f"{self.home}/modelgraded/" if self.home else "modelgraded/"
            for path in self.folder.paths():
                if path.startswith(base) and path.endswith((".yaml", ".yml")):
                    self._read_graded(path)
        if name not in self._graded:
            raise UnreadableError(f"there is no modelgraded specification {name!r}")
        return self._graded[name]

    def _read_graded(self, path: str) -> None:
        try:
            document = read_document(path, self.folder.read(path))
        except (ImportRefusedError, UnreadableError):
            return  # whoever needs a specification of this file hears that there is none
        for key, node in document.entries():
            self._graded.setdefault(key, node)
