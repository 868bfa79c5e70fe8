"""The fidelity report: what became of every item of the source. Nothing is dropped silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from evals.importers.nodes import Node

Fate = Literal["mapped", "mapped_with_difference", "not_mapped"]
FATES: tuple[Fate, ...] = ("mapped", "mapped_with_difference", "not_mapped")
#: Items named one by one; more are told together where they are alike.
MAX_TOLD = 1_000
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the source. `count` is how often it was met (a default applies to every test).

    `kind` is what it is in the source's own words (`assertion`), `what` names it, `into` says what
    it became, `detail` how that differs or why it could not be mapped, `todo` what a person can do.
    """

    path: str
    line: int
    kind: str
    what: str
    fate: Fate
    into: str
    detail: str
    todo: str

    def to_json(self, count: int, lines: str = "") -> dict[str, Any]:
        """A JSON object with every field; `lines` where it stands for several items."""
        several = {"lines": lines} if lines not in ("", str(self.line)) else {}
        return {**asdict(self), "count": count, **several}


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a report: items by fate, and what was written."""

    mapped: int
    mapped_with_difference: int
    not_mapped: int

    def to_json(self) -> dict[str, int]:
        """A JSON object with every field."""
        return asdict(self)


class Fidelity:
    """Collects the items, in the order they are met; the same item met twice is counted."""

    def __init__(self) -> None:
        self._counts: Counter[Item] = Counter()

    def mapped(self, node: Node, kind: str, what: str, into: str = "") -> None:
        """The item means the same in Assay."""
        self._add(node, kind, what, "mapped", into)

    def differs(
        self, node: Node, kind: str, what: str, into: str, detail: str, todo: str = ""
    ) -> None:
        """The item was mapped, and `detail` says how its meaning differs."""
        self._add(node, kind, what, "mapped_with_difference", into, detail, todo)

    def unmapped(self, node: Node, kind: str, what: str, detail: str, todo: str = "") -> None:
        """The item has no counterpart, for the reason in `detail`."""
        self._add(node, kind, what, "not_mapped", "", detail, todo)

    def settled(
        self, node: Node, kind: str, what: str, into: str, differences: Iterable[str]
    ) -> None:
        """`mapped`, or `differs` when there are differences."""
        said = "; ".join(dict.fromkeys(filter(None, differences)))
        if said:
            self.differs(node, kind, what, into, said)
        else:
            self.mapped(node, kind, what, into)

    def items(self) -> list[tuple[Item, int]]:
        """(item, how often), by file and line."""
        return sorted(self._counts.items(), key=lambda pair: (pair[0].path, pair[0].line))

    def told(self) -> list[tuple[Item, int, str]]:
        """(item, how often, its lines): each item alone, or alike ones together in a long report.

        A repository's files are small; a report on thousands of rows names ranges of lines.
        """
        items = self.items()
        if len(items) <= MAX_TOLD:
            return [(item, count, str(item.line)) for item, count in items]
        groups: dict[Item, list[tuple[Item, int]]] = {}
        for item, count in items:
            groups.setdefault(replace(item, line=0, what=""), []).append((item, count))
        return [_together(group) for group in groups.values()]

    def summary(self) -> Summary:
        """How many items of each fate, each counted once."""
        fates = Counter(item.fate for item in self._counts)
        return Summary(fates["mapped"], fates["mapped_with_difference"], fates["not_mapped"])

    def reasons(self, limit: int = 3) -> list[str]:
        """Why something was not mapped, as clauses with their places: the first of each kind of
        item, the commonest kind first, then others; and how many more there are.
        """
        lost = [item for item, _ in self.items() if item.fate == "not_mapped"]
        kinds = Counter(item.kind for item in lost)
        firsts = {item.kind: item for item in reversed(lost)}
        told = sorted(lost, key=lambda i: (i is not firsts[i.kind], -kinds[i.kind]))[:limit]
        said = [f"{item.path}:{item.line}: {item.what}: {item.detail}" for item in told]
        return said if len(lost) <= limit else [*said, f"and {len(lost) - limit:,} more"]

    def _add(
        self,
        node: Node,
        kind: str,
        what: str,
        fate: Fate,
        into: str = "",
        detail: str = "",
        todo: str = "",
    ) -> None:
        item = Item(node.file, node.line, kind, shown(what), fate, shown(into), detail, todo)
        self._counts[item] += 1


def _together(group: list[tuple[Item, int]]) -> tuple[Item, int, str]:
    first, last = group[0][0], group[-1][0]
    what = first.what if first.what == last.what else shown(f"{first.what} … {last.what}")
    lines = ranges(sorted({item.line for item, _ in group}))
    return replace(first, what=what), sum(count for _, count in group), lines


def ranges(lines: Sequence[int]) -> str:
    """Ascending line numbers as `3, 5–9`."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)


def shown(text: Any) -> str:
    """One line of at most 160 characters, without what could drive a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
