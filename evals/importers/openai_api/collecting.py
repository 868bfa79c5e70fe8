"""The evals, runs and output items in the files of an export, and which belong together."""

from __future__ import annotations

from dataclasses import dataclass, field

from evals.importers.errors import SourceMissingError, UnreadableError
from evals.importers.fidelity import Fidelity
from evals.importers.loading import read_document
from evals.importers.nodes import Node
from evals.importers.sources import SourceFolder

_WRAPPERS = ("eval", "evals", "run", "runs", "data")
_MORE = "the page says `has_more`: it is not the whole list"
_NEXT = "export the next pages too and put their files into the folder"
_ORPHAN = "its eval is not in the export"


@dataclass(frozen=True)
class Belonging:
    """A run or an output item. `owner` is the eval it is written inside of, if any."""

    node: Node
    owner: Node | None = None

    def is_of(self, eval_node: Node, *, only: bool) -> bool:
        """Whether it belongs to the eval; `only` says that there is no other one."""
        if self.owner is not None:
            return self.owner is eval_node
        named, identity = self.node.text("eval_id"), eval_node.text("id")
        return named == identity if named and identity else only


@dataclass
class Objects:
    """What the files hold, in their order."""

    evals: list[Node] = field(default_factory=list)
    runs: list[Belonging] = field(default_factory=list)
    outputs: list[Belonging] = field(default_factory=list)

    def runs_of(self, node: Node) -> list[Node]:
        """The runs of an eval."""
        only = len(self.evals) == 1
        return [run.node for run in self.runs if run.is_of(node, only=only)]

    def outputs_of(self, node: Node) -> list[Node]:
        """The output items of an eval's runs."""
        only = len(self.evals) == 1
        return [output.node for output in self.outputs if output.is_of(node, only=only)]

    def report_orphans(self, report: Fidelity) -> None:
        """Name the runs and output items that belong to no eval of the export."""
        only = len(self.evals) == 1
        for kind, found in (("run", self.runs), ("output item", self.outputs)):
            for one in found:
                if not any(one.is_of(node, only=only) for node in self.evals):
                    what = f"{one.node.text('id')} of {one.node.text('eval_id') or 'no eval'}"
                    report.unmapped(one.node, kind, what.strip(), _ORPHAN, "export its eval too")


def collected(folder: SourceFolder, path: str, report: Fidelity) -> Objects:
    """The objects of one file, or of a folder's. Raises ImportRefusedError, SourceMissingError."""
    objects = Objects()
    for file in [path] if path else _json_files(folder):
        try:
            node = read_document(file, folder.read(file))
        except UnreadableError as error:
            raise SourceMissingError(error.reason, hint=error.todo) from error
        _collect(node, objects, report, None)
    objects.report_orphans(report)
    return objects


def _json_files(folder: SourceFolder) -> list[str]:
    found = [path for path in folder.paths() if path.endswith(".json") and path != "fidelity.json"]
    if not found:
        raise SourceMissingError("the folder has no JSON file")
    return found


def _collect(node: Node, objects: Objects, report: Fidelity, owner: Node | None) -> None:
    """Objects alone, in lists and pages, or under `eval`, `evals`, `run`, `runs`."""
    if isinstance(node.value, list):
        for item in node.elements():
            _collect(item, objects, report, owner)
    elif not isinstance(node.value, dict):
        report.unmapped(node, "object", str(node.value), "this is not an object of the Evals API")
    elif "testing_criteria" in node.value:
        objects.evals.append(node)
        for key in ("run", "runs"):
            if (inner := node.get(key)) is not None:
                _collect(inner, objects, report, node)
    elif "data_source" in node.value:
        objects.runs.append(Belonging(node, owner))
    elif isinstance(node.value.get("datasource_item"), dict):
        objects.outputs.append(Belonging(node, owner))
    else:
        _collect_wrapped(node, objects, report, owner)


def _collect_wrapped(node: Node, objects: Objects, report: Fidelity, owner: Node | None) -> None:
    inner = [child for key, child in node.entries() if key in _WRAPPERS]
    if not inner:
        what = node.text("object") or "object"
        reason = "it is neither an eval nor a run with its data source"
        report.unmapped(node, "object", f"{what} {node.text('id')}", reason)
    more = node.get("has_more")
    if more is not None and more.value is True:
        report.unmapped(more, "page", "has_more", _MORE, _NEXT)
    for child in inner:
        _collect(child, objects, report, owner)
