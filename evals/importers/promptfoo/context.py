"""What the parts of a promptfoo import share: where files are, and where findings go."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import Any

from evals.importers.drafts import Draft, SuiteDraft
from evals.importers.errors import ImportRefusedError, UnreadableError
from evals.importers.fidelity import Fidelity
from evals.importers.judges import Judges
from evals.importers.loading import decode, read_document
from evals.importers.nodes import Node
from evals.importers.sources import SourceFolder, inside

FILE = "file://"
_CODE = re.compile(r"\.(?:[cm]?[jt]s|py|rb|sh|go)(?::[\w.]+)?$", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"^(?:https?|huggingface|langfuse|portkey|helicone|az|s3|gs|package|exec|python|webhook|ws):"
)
BY_HAND = "rewrite it as checks of Assay by hand"


@dataclass
class Context:
    """`base` is the configuration's folder, relative to the root of `folder`."""

    folder: SourceFolder
    base: str
    fidelity: Fidelity
    draft: Draft
    suite: SuiteDraft
    #: The model that judges where the source names none, by the name it is served under.
    judge: str = ""
    #: What the providers do to every output before the tests see it, by a name for the report.
    transforms: dict[str, Any] = field(default_factory=dict)
    judges: Judges = field(init=False)

    def __post_init__(self) -> None:
        """One set of judges for the suite."""
        self.judges = Judges(self.draft, self.suite)

    def path(self, reference: str, beside: str = "") -> str:
        """Where a reference leads: from the configuration's folder, else from beside the file that
        makes it. Raises UnreadableError.
        """
        path = inside(self.base, reference.removeprefix(FILE))
        if beside and not self.folder.exists(path):
            other = inside(posixpath.dirname(beside), reference.removeprefix(FILE))
            if self.folder.exists(other):
                return other
        return path

    def paths(self, reference: str, beside: str = "") -> list[str]:
        """As `path`, with wildcards. Raises UnreadableError when nothing matches."""
        found = self.folder.matching(self.path(reference, beside))
        if not found:
            raise UnreadableError("no file matches")
        return found

    def text(self, path: str) -> str:
        """The text of a file. Raises UnreadableError."""
        try:
            return decode(path, self.folder.read(path))
        except ImportRefusedError as error:
            raise UnreadableError(error.message) from error

    def document(self, path: str) -> Node:
        """A YAML or JSON file. Raises UnreadableError."""
        try:
            return read_document(path, self.folder.read(path))
        except ImportRefusedError as error:
            raise UnreadableError(error.message) from error

    def unreadable(self, node: Node, kind: str, what: str, error: UnreadableError) -> None:
        """Report a reference that leads nowhere."""
        self.fidelity.unmapped(node, kind, what, error.reason, error.todo)


def is_code(reference: str) -> bool:
    """Whether a reference names a program."""
    return _CODE.search(reference.removeprefix(FILE)) is not None


def is_elsewhere(reference: str) -> bool:
    """Whether a reference needs the network or a program."""
    return _ELSEWHERE.match(reference) is not None


def followed_all(node: Node, context: Context, kind: str) -> list[Node]:
    """The node itself, or the files that it names with `file://` and wildcards, lists opened."""
    is_glob = isinstance(node.value, str) and node.value.startswith(FILE) and "*" in node.value
    if not is_glob:
        found = followed(node, context, kind)
        targets = [] if found is None else [found]
    else:
        targets = []
        try:
            for path in context.paths(node.value, node.file):
                targets.append(context.document(path))
        except UnreadableError as error:
            context.unreadable(node, kind, node.value, error)
    return [
        item
        for target in targets
        for item in (target.elements() if isinstance(target.value, list) else [target])
    ]


def followed(node: Node, context: Context, kind: str) -> Node | None:
    """The node itself, or the file that it names with `file://`; None after a report."""
    if not (isinstance(node.value, str) and node.value.startswith(FILE)):
        return node
    if is_code(node.value):
        reason = "it is a program, and programs of a source are never run"
        context.fidelity.unmapped(node, kind, node.value, reason, BY_HAND)
        return None
    try:
        return context.document(context.path(node.value, node.file))
    except UnreadableError as error:
        context.unreadable(node, kind, node.value, error)
        return None
