"""The variables of one promptfoo test: files read, lists multiplied out, references put in."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evals.importers import javascript
from evals.importers.errors import UnreadableError
from evals.importers.nodes import Node
from evals.importers.promptfoo.context import BY_HAND, FILE, Context, is_code, is_elsewhere
from evals.importers.promptfoo.tests import Test

MAX_COMBINATIONS = 5_000
_BINARY = re.compile(
    r"\.(?:jpe?g|png|gif|bmp|webp|svg|mp4|webm|og[gv]|mov|avi|mp3|wav|pdf|xlsx?)$", re.IGNORECASE
)
_REFERENCE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ROUNDS = 5
MAX_RESOLVED = 200_000


class Variables:
    """Turns the `vars` of a test into one mapping for each case."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.report = context.fidelity
        self._files: dict[str, Any] = {}

    def combinations(self, test: Test) -> Iterator[dict[str, Any]]:
        """Every combination of the values; one (perhaps empty) mapping when nothing is a list."""
        is_single = "disableVarExpansion" in test.options and javascript.is_truthy(
            test.options["disableVarExpansion"].value
        )
        choices = {
            name: self._choices(name, node, is_single=is_single) for name, node in test.vars.items()
        }
        choices = {name: values for name, values in choices.items() if values}
        count = math.prod(len(values) for values in choices.values())
        if count > MAX_COMBINATIONS:
            reason = f"its lists multiply to {count:,} cases; at most {MAX_COMBINATIONS:,} are made"
            self.report.unmapped(test.node, "test", test.description or "vars", reason)
            return
        if count > 1:
            lists = ", ".join(f"{name} ({len(v)})" for name, v in choices.items() if len(v) > 1)
            self.report.mapped(test.node, "vars", f"every combination of {lists}", f"{count} cases")
        for values in itertools.product(*choices.values()):
            yield _resolved(dict(zip(choices, values, strict=True)))

    def _choices(self, name: str, node: Node, *, is_single: bool) -> list[Any]:
        value = node.value
        if isinstance(value, list) and value and isinstance(value[0], str) and not is_single:
            return [made for item in node.elements() for made in self._values(name, item)]
        return self._values(name, node)

    def _values(self, name: str, node: Node) -> list[Any]:
        value = node.value
        if isinstance(value, str) and value.startswith(FILE):
            return self._from_files(name, node, value)
        if isinstance(value, str) and is_elsewhere(value) and value.startswith("package:"):
            self.report.unmapped(node, "var", f"{name}: {value}", "it is a program", BY_HAND)
            return []
        if isinstance(value, str) and ("{{env." in value.replace(" ", "")):
            reason = "it reads the environment; the template text stays as it is"
            self.report.differs(node, "var", name, "a text", reason, "put the value in")
        return [value.removesuffix("\n") if isinstance(value, str) else value]

    def _from_files(self, name: str, node: Node, reference: str) -> list[Any]:
        if is_code(reference):
            reason = "it is a program, and programs of a source are never run"
            self.report.unmapped(node, "var", f"{name}: {reference}", reason, BY_HAND)
            return []
        try:
            return [self._file(path) for path in self.context.paths(reference, node.file)]
        except UnreadableError as error:
            self.context.unreadable(node, "var", f"{name}: {reference}", error)
            return []

    def _file(self, path: str) -> Any:
        if path not in self._files:
            if _BINARY.search(path):
                raise UnreadableError("prompts in Assay take text only", "write down its text")
            if path.endswith((".yaml", ".yml")):
                self._files[path] = javascript.json_of(self.context.document(path).value)
            else:
                self._files[path] = self.context.text(path).strip()
        return self._files[path]


def _resolved(values: dict[str, Any]) -> dict[str, Any]:
    """`{{ other }}` inside a variable's text replaced by that variable, as promptfoo does."""
    for _ in range(_ROUNDS):
        before = dict(values)
        for name, value in values.items():
            if isinstance(value, str) and "{{" in value and len(value) < MAX_RESOLVED:
                values[name] = _REFERENCE.sub(lambda found: _known(found, values), value)
        if values == before:
            break
    return values


def _known(found: re.Match[str], values: Mapping[str, Any]) -> str:
    value = values.get(found[1])
    return value if isinstance(value, str) and len(value) < MAX_RESOLVED // 10 else found[0]
