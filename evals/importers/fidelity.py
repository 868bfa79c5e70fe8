"""The fidelity report: what became of every item of the source. Nothing is dropped silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from evals.importers.nodes import Node

Fate = Literal["mapped", "mapped_with_difference", "not_mapped"]
FATES: tuple[Fate, ...] = ("mapped", "mapped_with_difference", "not_mapped")
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

    def to_json(self, count: int) -> dict[str, Any]:
        """A JSON object with every field."""
        return {**asdict(self), "count": count}


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

    def summary(self) -> Summary:
        """How many items of each fate, each counted once."""
        fates = Counter(item.fate for item in self._counts)
        return Summary(fates["mapped"], fates["mapped_with_difference"], fates["not_mapped"])

    def reasons(self, limit: int = 3) -> list[str]:
        """The first reasons why something was not mapped, as clauses with their places."""
        lost = (item for item, _ in self.items() if item.fate == "not_mapped")
        said = [f"{item.path}:{item.line}: {item.what}: {item.detail}" for item in lost]
        return said[:limit]

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


def shown(text: Any) -> str:
    """One line of at most 160 characters, without what could drive a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
