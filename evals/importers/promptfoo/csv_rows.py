"""The magic columns of promptfoo's CSV tests, and the small language of `__expected` cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evals.importers import javascript
from evals.importers.fidelity import Fidelity
from evals.importers.nodes import Node
from evals.importers.promptfoo.types import BASE_TYPES

_CELL = re.compile(
    rf"(not-)?({'|'.join(map(re.escape, sorted(BASE_TYPES, key=len, reverse=True)))})"
    r"(?:\((\d+(?:\.\d+)?)\))?(?::([\s\S]*))?"
)
_PREFIXES = {
    "javascript:": "javascript",
    "fn:": "javascript",
    "eval:": "javascript",
    "grade:": "llm-rubric",
    "llm-rubric:": "llm-rubric",
    "python:": "python",
}
_CODE_FILE = re.compile(r"file://.*\.(py|[cm]?js|ts)(:.*)?$", re.DOTALL)
_LISTS = ("contains-any", "contains-all", "icontains-any", "icontains-all")
#: Types whose cell takes a threshold; without one promptfoo puts 0.75 there, whatever it means.
_THRESHOLDS = frozenset(
    "answer-relevance classifier context-faithfulness context-recall context-relevance cost "
    "latency levenshtein perplexity-score perplexity rouge-n similar starts-with".split()
)
#: For these 0.75 is not a share: three quarters of a millisecond, of a dollar, of an edit.
_NOT_SHARES = frozenset({"cost", "latency", "levenshtein", "perplexity"})
_COMMAS = "save the file with commas"
_CONFIG = re.compile(r"__config:__expected(?::?(\d+))?:(\w+)")
_NEAR_MISSES = tuple(
    f"_{name}"
    for name in "expected prefix suffix description providerOutput metric threshold".split()
)


@dataclass(frozen=True)
class RowParts:
    """What a row says, in the shapes of a test."""

    description: str = ""
    vars: Mapping[str, Node] = field(default_factory=dict)
    asserts: tuple[Node, ...] = ()
    threshold: Node | None = None
    options: Mapping[str, Node] = field(default_factory=dict)
    metadata: Mapping[str, Node] = field(default_factory=dict)


class CsvRows:
    """Reads the rows of one table."""

    def __init__(self, report: Fidelity, header: Sequence[str], place: Node | None = None) -> None:
        self.report = report
        if place is not None:
            self._check_header(header, Node(None, place.file, (), {(): 1}))

    def _check_header(self, header: Sequence[str], place: Node) -> None:
        for name in dict.fromkeys(header):
            if header.count(name) > 1:
                reason = "the column is given twice; the last one counts, as in promptfoo"
                self.report.differs(place, "column", name, "the last one", reason)
            if "__expected" in name and not name.startswith("__"):
                reason = "its name holds `__expected`: columns are parted by commas only"
                self.report.differs(place, "column", name, "a variable", reason, _COMMAS)
            elif name.startswith(_NEAR_MISSES):
                reason = "with one underscore it is a variable; promptfoo warns about it too"
                self.report.differs(place, "column", name, "a variable", reason)

    def read(self, node: Node) -> RowParts:
        """One row: a mapping from column to cell."""
        cells: dict[str, Any] = dict(node.value)
        settings = self._settings(node, cells)
        expected = [name for name in cells if name.startswith("__expected")]
        asserts = []
        for name in expected:
            text = _text(cells[name])
            if text.strip():
                number = int(re.sub(r"\D", "", name) or 1)
                asserts.append(self._assertion(node, name, text, settings.get(number), cells))
        special = {name: cells[name] for name in cells if name.startswith("__")}
        return RowParts(
            description=_text(cells.get("__description", "")),
            vars={k: _at(node, v) for k, v in cells.items() if k not in special},
            asserts=tuple(found for found in asserts if found is not None),
            threshold=self._threshold(node, cells),
            options=self._options(node, special),
            metadata=self._metadata(node, special),
        )

    def _settings(self, node: Node, cells: Mapping[str, Any]) -> dict[int, float]:
        """Thresholds of `__config:` columns by the number of their `__expected`."""
        found: dict[int, float] = {}
        for name, cell in cells.items():
            if not name.startswith("__config:") or not _text(cell).strip():
                continue
            match = _CONFIG.fullmatch(name)
            value = _number(_text(cell))
            if match is None or match[2] != "threshold" or value is None:
                reason = "only `__config:__expectedN:threshold` with a number means something"
                self.report.unmapped(node, "column", name, reason)
            else:
                found[int(match[1] or 1)] = value
        return found

    def _assertion(
        self, node: Node, name: str, text: str, threshold: float | None, cells: Mapping[str, Any]
    ) -> Node | None:
        value = cell_assertion(text)
        base = str(value["type"]).removeprefix("not-")
        if threshold is not None:
            value["threshold"] = threshold
        elif value.pop("guessed", False) and base in _NOT_SHARES:
            reason = f"without a number promptfoo takes 0.75 for {base}, which nobody can mean"
            todo = f"write {base}(NUMBER)"
            self.report.unmapped(node, "assertion", f"{name}: {text}", reason, todo)
            return None
        value.pop("guessed", None)
        if metric := _text(cells.get("__metric", "")).strip():
            value["metric"] = metric
        return _at(node, value)

    def _threshold(self, node: Node, cells: Mapping[str, Any]) -> Node | None:
        text = _text(cells.get("__threshold", "")).strip()
        if not text:
            return None
        value = _number(text)
        if value is None:
            self.report.unmapped(node, "column", "__threshold", "this is not a number")
            return None
        return _at(node, value)

    def _options(self, node: Node, special: Mapping[str, Any]) -> dict[str, Node]:
        found = {}
        for name in ("prefix", "suffix"):
            if text := _text(special.get(f"__{name}", "")):
                found[name] = _at(node, text)
        if _text(special.get("__providerOutput", "")):
            reason = "Assay judges fresh answers, not recorded ones"
            self.report.unmapped(node, "column", "__providerOutput", reason)
        return found

    def _metadata(self, node: Node, special: Mapping[str, Any]) -> dict[str, Node]:
        found = {}
        for name, cell in special.items():
            text = _text(cell)
            if name.startswith("__metadata:") and text.strip():
                key = name.removeprefix("__metadata:")
                found[key.removesuffix("[]")] = _at(
                    node, _items(text) if key.endswith("[]") else text
                )
            elif (
                not name.startswith(("__expected", "__config:", "__metadata:"))
                and name not in _KNOWN
            ):
                self.report.unmapped(node, "column", name, "promptfoo has no such column")
        return found


_KNOWN = frozenset("__prefix __suffix __description __providerOutput __metric __threshold".split())


def cell_assertion(text: str) -> dict[str, Any]:
    """The assertion that an `__expected` cell stands for.

    `guessed` is true when promptfoo would fill in a threshold that the cell does not give.
    """
    for prefix, kind in _PREFIXES.items():
        if text.startswith(prefix):
            return {"type": kind, "value": text.removeprefix(prefix).strip()}
    if found := _CODE_FILE.fullmatch(text):
        return {"type": "python" if found[1] == "py" else "javascript", "value": text}
    match = _CELL.fullmatch(text)
    if match is None:
        return {"type": "equals", "value": text}
    negated, base, threshold, value = match.groups()
    found_type = f"{negated or ''}{base}"
    if base in _LISTS:
        return {"type": found_type, "value": split_list(value or "", honours_quotes=True)}
    result: dict[str, Any] = {"type": found_type, "value": value}
    if base in _THRESHOLDS and base != "starts-with":
        given = (_number(threshold) if threshold else None) or 0
        result["threshold"] = given or (0.8 if base == "similar" else 0.75)
        result["guessed"] = not given
    elif threshold:
        result["threshold"] = _number(threshold)
    return {key: item for key, item in result.items() if item is not None}


def split_list(text: str, *, honours_quotes: bool) -> list[str]:
    """A comma-separated list; quoted items may hold commas when quotes are honoured."""
    if honours_quotes and '"' in text:
        items = re.findall(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)', text)
        found = [re.sub(r"\\(.)", r"\1", quoted) if quoted else bare for quoted, bare in items]
    else:
        found = text.split(",")
    return [item.strip() for item in found if item.strip()]


def _items(text: str) -> list[str]:
    """A comma-separated list; a comma after a backslash is part of its item."""
    return [item.replace("\\,", ",").strip() for item in re.split(r"(?<!\\),", text)]


def _text(cell: Any) -> str:
    """A cell of CSV is text; a row written in YAML may hold anything."""
    try:
        return "" if cell is None else javascript.text_of(cell)
    except javascript.NoTextError:
        return javascript.json_of(cell)


def _number(text: str) -> float | None:
    found = re.match(r"\s*-?\d+(?:\.\d+)?", text)
    if found is None:
        return None
    value = float(found[0])
    return int(value) if value.is_integer() else value


def _at(node: Node, value: Any) -> Node:
    """A value made from the row, which stands where the row stands."""
    return Node(value, node.file, (), {(): node.line})
