"""promptfoo's tests as values: read from the configuration, YAML, JSON, JSONL and CSV files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from evals.importers.errors import ImportRefusedError, UnreadableError
from evals.importers.loading import Row, read_csv, read_jsonl
from evals.importers.nodes import Node
from evals.importers.promptfoo.context import (
    BY_HAND,
    Context,
    followed,
    is_code,
    is_elsewhere,
)
from evals.importers.promptfoo.csv_rows import CsvRows

MAX_NESTED_FILES = 5
KEYS = (
    "description vars assert threshold options metadata provider providers prompts providerOutput "
    "assertScoringFunction"
).split()
UNMAPPED_KEYS: Mapping[str, tuple[str, str]] = {
    "provider": ("a run in Assay has one model for all cases", "evaluate it on that model"),
    "providers": ("a run in Assay has one model for all cases", "evaluate it on those models"),
    "prompts": ("every case is asked with the version under test", "split the suite by hand"),
    "providerOutput": ("Assay judges fresh answers, not recorded ones", ""),
    "assertScoringFunction": ("it is a program, and programs are never run", BY_HAND),
}


@dataclass(frozen=True)
class Test:
    """One test, before or after merging. `overrides` are options given by the test itself."""

    node: Node
    description: str = ""
    vars: Mapping[str, Node] = field(default_factory=dict)
    asserts: tuple[Node, ...] = ()
    threshold: Node | None = None
    options: Mapping[str, Node] = field(default_factory=dict)
    metadata: Mapping[str, Node] = field(default_factory=dict)
    provider: Node | None = None

    def over(self, base: Test) -> Test:
        """This test on top of `base`: its values win, and assertions add up."""
        return replace(
            self,
            description=self.description or base.description,
            vars={**base.vars, **self.vars},
            asserts=(*base.asserts, *self.asserts),
            threshold=self.threshold if self.threshold is not None else base.threshold,
            options={**base.options, **self.options},
            metadata={**base.metadata, **self.metadata},
            provider=self.provider if self.provider is not None else base.provider,
        )


class TestReader:
    """Reads whatever `tests` may hold."""

    __test__ = False  # not a test of pytest's

    def __init__(self, context: Context) -> None:
        self.context = context
        self.report = context.fidelity

    def tests(self, node: Node, level: int = 0) -> Iterator[Test]:
        """All tests at `node`; what cannot be read is reported."""
        if isinstance(node.value, str):
            yield from self._file(node, node.value, level)
        elif isinstance(node.value, list):
            for item in node.elements():
                yield from self.tests(item, level)
        elif isinstance(node.value, dict) and isinstance(node.value.get("path"), str):
            self._generator_config(node)
            yield from self._file(node, node.text("path"), level)
        elif isinstance(node.value, dict):
            yield self.test(node)
        else:
            self.report.unmapped(node, "test", str(node.value), "this is not a test")

    def test(self, node: Node, *, is_default: bool = False) -> Test:
        """One test. A mapping without any key of a test is a row of variables, as in CSV."""
        if not is_default and not any(key in node.value for key in KEYS):
            return self._plain_row(node)
        for key, child in node.entries():
            if key in UNMAPPED_KEYS:
                reason, todo = UNMAPPED_KEYS[key]
                self.report.unmapped(child, f"test {key}", str(child.value), reason, todo)
            elif key not in KEYS:
                self.report.unmapped(child, "test key", key, "promptfoo has no such key")
        return Test(
            node=node,
            description=node.text("description"),
            vars=self._vars(node.get("vars")),
            asserts=self._asserts(node.get("assert")),
            threshold=node.get("threshold"),
            options=dict(_mapping(node.get("options"))),
            metadata=dict(_mapping(node.get("metadata"))),
            provider=node.get("provider"),
        )

    def _plain_row(self, node: Node) -> Test:
        rows = CsvRows(self.report, list(node.value))
        return _row_test(rows, node, node.text("__description"))

    def _asserts(self, node: Node | None) -> tuple[Node, ...]:
        node = followed(node, self.context, "assert") if node is not None else None
        if node is None:
            return ()
        if not isinstance(node.value, list):
            self.report.unmapped(node, "assert", str(node.value), "this is not a list")
            return ()
        return tuple(node.elements())

    def _vars(self, node: Node | None) -> dict[str, Node]:
        if node is None:
            return {}
        if isinstance(node.value, dict):
            return dict(node.entries())
        found: dict[str, Node] = {}
        for item in [node] if isinstance(node.value, str) else node.elements():
            found |= self._vars_file(item)
        return found

    def _vars_file(self, node: Node) -> dict[str, Node]:
        found: dict[str, Node] = {}
        try:
            for path in self.context.paths(str(node.value), node.file):
                found |= dict(self.context.document(path).entries())
        except UnreadableError as error:
            self.context.unreadable(node, "vars", str(node.value), error)
        return found

    def _generator_config(self, node: Node) -> None:
        for key, child in node.entries():
            if key != "path":
                reason = "only programs that make tests take it, and none is run"
                self.report.unmapped(child, "tests", key, reason)

    def _file(self, node: Node, reference: str, level: int) -> Iterator[Test]:
        if is_elsewhere(reference) or is_code(reference) or level > MAX_NESTED_FILES:
            reason = "its tests come from the network or a program, which an import never uses"
            todo = "write them to a CSV or JSONL file and name that"
            self.report.unmapped(node, "tests", reference, reason, todo)
            return
        try:
            paths = self.context.paths(reference, node.file)
        except UnreadableError as error:
            self.context.unreadable(node, "tests", reference, error)
            return
        for path in paths:
            try:
                yield from self._contents(node, path, level)
            except (UnreadableError, ImportRefusedError) as error:
                reason = error.reason if isinstance(error, UnreadableError) else error.message
                todo = error.todo if isinstance(error, UnreadableError) else ""
                self.report.unmapped(node, "tests", path, reason, todo)

    def _contents(self, node: Node, path: str, level: int) -> Iterator[Test]:
        if path.endswith(".csv"):
            header, records = read_csv(path, self.context.folder.read(path))
            rows = CsvRows(self.report, header, Node(None, path))
            yield from self._rows(records, rows, path)
        elif path.endswith(".jsonl"):
            yield from self._lines(read_jsonl(path, self.context.folder.read(path)))
        elif path.endswith((".yaml", ".yml", ".json")):
            yield from self.tests(self.context.document(path), level + 1)
        else:
            reason = "tests are read from .csv, .jsonl, .json and .yaml files"
            self.report.unmapped(node, "tests", path, reason, "save it as one of these")
            return
        self.report.mapped(node, "tests", path)

    def _rows(self, records: list[Row], rows: CsvRows, path: str) -> Iterator[Test]:
        for number, row in enumerate(records, 1):
            if row.problem:
                self.report.unmapped(row.node, "test", f"{path} row {number}", row.problem)
            else:
                yield _row_test(rows, row.node, f"Row #{number}")

    def _lines(self, rows: Iterator[Row]) -> Iterator[Test]:
        for number, row in enumerate(rows, 1):
            if row.problem or not isinstance(row.node.value, dict):
                reason = row.problem or "the line is not an object"
                self.report.unmapped(row.node, "test", f"row {number}", reason)
            else:
                test = self.test(row.node)
                yield replace(test, description=test.description or f"Row #{number}")


def _row_test(rows: CsvRows, node: Node, description: str) -> Test:
    read = rows.read(node)
    return Test(
        node=node,
        description=read.description or description,
        vars=read.vars,
        asserts=read.asserts,
        threshold=read.threshold,
        options=read.options,
        metadata=read.metadata,
    )


def read_default(node: Node | None, context: Context) -> Test:
    """`defaultTest`, from the configuration or a file; an empty test when there is none."""
    target = followed(node, context, "defaultTest") if node is not None else None
    if target is None or not isinstance(target.value, dict):
        return Test(node or Node({}, ""))
    return TestReader(context).test(target, is_default=True)


def _mapping(node: Node | None) -> Iterator[tuple[str, Node]]:
    return node.entries() if node is not None else iter(())
