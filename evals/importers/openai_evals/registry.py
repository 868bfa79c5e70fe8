"""A registry of openai/evals, or one file of samples, as drafts of suites."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field

from evals.importers.drafts import Draft, SuiteDraft
from evals.importers.errors import ImportRefusedError, SourceMissingError, UnreadableError
from evals.importers.fidelity import Fidelity
from evals.importers.loading import read_document
from evals.importers.names import Keys, slug
from evals.importers.nodes import Node
from evals.importers.openai_evals.classes import fill_suite
from evals.importers.openai_evals.places import Registry
from evals.importers.sources import SourceFolder

_FOLDERS = ("evals/registry/evals", "registry/evals", "evals")
_BASE_KEYS = {
    "id": "the eval it stands for",
    "metrics": "pass rate: Assay always reports the share of cases that pass",
    "description": "description of the suite",
}
#: Folders of a registry beside `evals` -> (why they are not mapped, what to do instead).
SIBLINGS = {
    "eval_sets": ("a set names several evals; each is a suite of its own", "evaluate each suite"),
    "completion_fns": ("it says how models are asked, in Python", "fill in models.yaml"),
    "solvers": ("it says how models are asked, in Python", "fill in models.yaml"),
}
#: What a file of samples alone is judged by: the class that most evals use.
_ASSUMED = "evals.elsuite.basic.match:Match"


@dataclass(frozen=True)
class Eval:
    """One eval: its public name, the class that would run it, and the class's arguments."""

    name: str
    node: Node
    class_name: str
    args: Node
    description: str = ""


@dataclass
class _Table:
    """The entries of all registry files that are read."""

    entries: dict[str, Node] = field(default_factory=dict)

    def resolved(self, identity: str) -> str:
        """The name at the end of a chain of `id`s; where it goes in a circle, one of them."""
        seen: set[str] = set()
        while identity not in seen and (found := self.entries.get(identity)) is not None:
            seen.add(identity)
            is_last = not isinstance(found.value, dict) or "class" in found.value
            identity = identity if is_last else found.text("id") or identity
        return identity


def import_openai_evals(
    folder: SourceFolder, path: str, name: str, report: Fidelity, judge: str = ""
) -> Draft:
    """The evals of a registry (file or folder) or one file of samples.

    `judge` is the model that judges, by the name it is served under. Raises ImportRefusedError.
    """
    registry = Registry(folder, report, judge)
    draft = Draft("openai-evals", path or ".")
    if path.endswith((".jsonl", ".jsonl.gz")):
        evals = [_samples_only(path, name, report)]
    else:
        evals = list(_evals(_table(folder, path, report, registry), report))
    if not evals:
        why = "".join(f"; {reason}" for reason in report.reasons())
        raise ImportRefusedError(f"{path or 'the folder'} has no eval of openai/evals{why}")
    names = Keys()
    for one in evals:
        chosen = name if len(evals) == 1 else slug(one.name, name)
        suite = SuiteDraft(names.unique(chosen)[:100], description=one.description[:2000])
        draft.suites.append(suite)
        fill_suite(one.class_name, one.args, one.node, suite, draft, registry)
    return draft


def _samples_only(path: str, name: str, report: Fidelity) -> Eval:
    args = Node({"samples_jsonl": path}, path)
    note = "no registry file says how answers are judged; taken as Match, like most evals"
    report.differs(args, "eval", name, "suite", note, "import the registry's YAML file instead")
    return Eval(name, args, _ASSUMED, args)


def _table(folder: SourceFolder, path: str, report: Fidelity, registry: Registry) -> _Table:
    table = _Table()
    for file in [path] if path else _registry_files(folder):
        try:
            node = _document(folder, file)
        except (UnreadableError, ImportRefusedError) as error:
            if path:
                raise _whole(error) from error
            reason = error.reason if isinstance(error, UnreadableError) else error.message
            report.unmapped(Node(None, file), "registry", file, reason)
            continue
        registry.home = posixpath.dirname(posixpath.dirname(file))
        for key, entry in node.entries():
            if key in table.entries:
                report.unmapped(entry, "eval", key, "an eval of this name was read already")
            table.entries.setdefault(key, entry)
    if not path:
        _report_siblings(folder, registry.home, report)
    return table


def _document(folder: SourceFolder, file: str) -> Node:
    """A registry file. Raises UnreadableError and ImportRefusedError."""
    node = read_document(file, folder.read(file))
    if not isinstance(node.value, dict):
        raise ImportRefusedError(f"{file} is not a registry of openai/evals")
    return node


def _whole(error: UnreadableError | ImportRefusedError) -> Exception:
    """What is raised when the only file cannot be read."""
    if isinstance(error, ImportRefusedError):
        return error
    return SourceMissingError(error.reason, hint=error.todo)


def _report_siblings(folder: SourceFolder, home: str, report: Fidelity) -> None:
    """Registry files of other kinds, which hold no evals."""
    for file in folder.paths():
        kind = posixpath.basename(posixpath.dirname(file))
        is_beside = posixpath.dirname(posixpath.dirname(file)) == home
        if is_beside and kind in SIBLINGS and file.endswith((".yaml", ".yml")):
            reason, todo = SIBLINGS[kind]
            report.unmapped(Node(None, file), "registry", file, reason, todo)


def _registry_files(folder: SourceFolder) -> list[str]:
    paths = [path for path in folder.paths() if path.endswith((".yaml", ".yml"))]
    for place in _FOLDERS:
        if found := [path for path in paths if posixpath.dirname(path) == place]:
            return found
    found = [path for path in paths if "/" not in path]
    if not found:
        raise SourceMissingError("the folder has no registry of openai/evals (evals/*.yaml)")
    return found


def _evals(table: _Table, report: Fidelity) -> Iterator[Eval]:
    used: set[str] = set()
    for name, node in table.entries.items():
        if not isinstance(node.value, dict):
            report.unmapped(node, "eval", name, "this is not an entry of a registry")
        elif "id" in node.value and "class" not in node.value:
            yield from _alias(name, node, table, report, used)
    for name, node in table.entries.items():
        if isinstance(node.value, dict) and "class" in node.value and name not in used:
            yield _eval(name, node, "")
        elif isinstance(node.value, dict) and not {"class", "id"} & node.value.keys():
            report.unmapped(node, "eval", name, "it has neither `id` nor `class`")


def _alias(
    name: str, node: Node, table: _Table, report: Fidelity, used: set[str]
) -> Iterator[Eval]:
    for key, child in node.entries():
        if key in _BASE_KEYS:
            report.mapped(child, "eval", f"{name}: {key}", _BASE_KEYS[key])
        else:
            report.unmapped(child, "eval", f"{name}: {key}", "suites have no such key")
    identity = table.resolved(node.text("id"))
    target = table.entries.get(identity)
    if target is None or not isinstance(target.value, dict) or "class" not in target.value:
        report.unmapped(node, "eval", name, f"there is no eval {identity!r}")
    elif identity in used:
        report.unmapped(node, "eval", name, f"{identity} is imported under its first name")
    else:
        used.add(identity)
        yield _eval(name, target, node.text("description"))


def _eval(name: str, node: Node, description: str) -> Eval:
    args = node.get("args") or Node({}, node.file, node.at, node.lines)
    return Eval(name, node, node.text("class"), args, description or node.text("description"))
