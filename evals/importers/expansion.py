"""`<<` merge keys and `$ref` pointers put in place, within limits."""

from __future__ import annotations

from typing import Any

from evals.importers.errors import ImportRefusedError
from evals.importers.nodes import Node, Path

MAX_EXPANDED = 200_000
MAX_DEPTH = 60
#: A `$ref` inside these is JSON Schema's own, and stays.
_SCHEMA_WORDS = frozenset({"definitions", "$defs", "properties", "$schema"})


class Expander:
    """Copies a document; `lines` of what came through a `$ref` are those of its target."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.left = MAX_EXPANDED
        self.lines: dict[Path, int] = {}

    def expanded(self) -> Node:
        """The whole document. Raises ImportRefusedError when it grows too large or in a circle."""
        value = self._copy(self.root, (), ())
        return Node(value, self.root.file, (), self.lines)

    def _copy(self, node: Node, at: Path, chain: tuple[str, ...]) -> Any:
        self.left -= 1
        if self.left < 0 or len(at) > MAX_DEPTH:
            raise self._refused(node, "the file is too large with its references put in place")
        self.lines[at] = node.line
        if isinstance(node.value, list):
            return [
                self._copy(item, (*at, index), chain) for index, item in enumerate(node.elements())
            ]
        if not isinstance(node.value, dict):
            return node.value
        pointer = node.value.get("$ref")
        if isinstance(pointer, str) and pointer.startswith("#/") and not _is_schema(node.at):
            target = self._target(pointer)
            if target is not None:
                return self._followed(node, target, at, (*chain, pointer))
        return self._mapping(node, at, chain)

    def _followed(self, node: Node, target: Node, at: Path, chain: tuple[str, ...]) -> Any:
        if chain[-1] in chain[:-1]:
            raise self._refused(node, f"the references go round in a circle at {chain[-1][:100]}")
        base = self._copy(target, at, chain)
        if isinstance(base, dict):
            own = {key: value for key, value in node.value.items() if key != "$ref"}
            place = Node(own, node.file, node.at, node.lines)
            base = {**base, **self._mapping(place, at, chain)}
        return base

    def _mapping(self, node: Node, at: Path, chain: tuple[str, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, child in node.entries():
            if key == "<<":
                merged |= self._merged(child, at, chain)
            else:
                own[key] = self._copy(child, (*at, key), chain)
        return {**merged, **own}

    def _merged(self, node: Node, at: Path, chain: tuple[str, ...]) -> dict[str, Any]:
        sources = list(node.elements()) if isinstance(node.value, list) else [node]
        result: dict[str, Any] = {}
        for source in reversed(sources):  # the first one wins
            value = self._copy(source, at, chain)
            if not isinstance(value, dict):
                raise self._refused(source, "`<<` merges mappings only")
            result |= value
        return result

    def _target(self, pointer: str) -> Node | None:
        node = self.root
        for part in pointer.removeprefix("#/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node.value, dict) and key in node.value:
                node = node.child(key, node.value[key])
            elif isinstance(node.value, list) and key.isdecimal() and int(key) < len(node.value):
                node = node.child(int(key), node.value[int(key)])
            else:
                return None
        return node

    def _refused(self, node: Node, reason: str) -> ImportRefusedError:
        return ImportRefusedError(f"{node.file}:{node.line}: {reason}")


def _is_schema(at: Path) -> bool:
    return any(part in _SCHEMA_WORDS for part in at)
