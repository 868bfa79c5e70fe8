"""Which names a template takes from outside, which partials it includes, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from registry.domain.template.inspection import Trouble
from registry.domain.template.tags import is_tag_call, tag_argument

#: Where a node stands: directly in the template, in a chat block, or in a `set` block.
_LOOSE, _CHAT, _CAPTURE = "loose", "chat", "capture"


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One include tag. `known` names exist around it; `target` is None when it is not fixed."""

    target: str | None
    line: int
    known: frozenset[str]


@dataclass
class Usage:
    """What one template body refers to; lines count from 1 in that body."""

    names: dict[str, int] = field(default_factory=dict)
    inclusions: list[Inclusion] = field(default_factory=list)
    placeholders: dict[str, int] = field(default_factory=dict)
    #: Names and placeholders in the order in which the body first says them.
    order: list[str] = field(default_factory=list)
    chats: list[int] = field(default_factory=list)
    #: Text and expressions outside every chat block.
    loose: list[Trouble] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    text_length: int = 0


def usage(tree: nodes.Template) -> Usage:
    """Walk a checked tree (see inspection.py), following Jinja2's scopes."""
    walker = _Walker()
    walker.block(tree.body, set(), _LOOSE)
    return walker.usage


class _Walker:
    def __init__(self) -> None:
        self.usage = Usage()

    def block(self, body: Iterable[nodes.Node], known: set[str], place: str) -> None:
        for node in body:
            self.statement(node, known, place)

    def statement(self, node: nodes.Node, known: set[str], place: str) -> None:
        if isinstance(node, nodes.Output):
            self.output(node, known, place)
        elif isinstance(node, nodes.If):
            self.expression(node.test, known)
            self.block((*node.body, *node.elif_, *node.else_), known, place)
        elif isinstance(node, nodes.For):
            self.loop(node, known, place)
        elif isinstance(node, nodes.CallBlock):
            self.chat(node, known, place)
        elif isinstance(node, nodes.Include):
            self.include(node, known, place)
        else:
            self.binding(node, known, place)

    def binding(self, node: nodes.Node, known: set[str], place: str) -> None:
        """The statements that give names."""
        if isinstance(node, nodes.Assign):
            self.expression(node.node, known)
            self.store(node.target, known)
        elif isinstance(node, nodes.AssignBlock):
            if node.filter:
                self.expression(node.filter, known)
            self.block(node.body, set(known), _CHAT if place == _CHAT else _CAPTURE)
            self.store(node.target, known)
        elif isinstance(node, nodes.With):
            for value in node.values:
                self.expression(value, known)
            inner = set(known)
            for target in node.targets:
                self.store(target, inner)
            self.block(node.body, inner, place)

    def loop(self, node: nodes.For, known: set[str], place: str) -> None:
        self.expression(node.iter, known)
        inner = set(known)
        self.store(node.target, inner)
        if node.test:
            self.expression(node.test, inner)
        self.block(node.body, inner | {"loop"}, place)
        self.block(node.else_, set(known), place)

    def chat(self, node: nodes.CallBlock, known: set[str], place: str) -> None:
        if place != _LOOSE:
            message = "A chat block cannot stand inside another block's text."
            self.usage.troubles.append(Trouble(node.lineno, "chat_nested", message, "chat"))
        self.usage.chats.append(node.lineno)
        self.block(node.body, set(known), _CHAT)

    def include(self, node: nodes.Include, known: set[str], place: str) -> None:
        target = node.template.value if isinstance(node.template, nodes.Const) else None
        if node.ignore_missing or not node.with_context or not isinstance(target, str):
            target = None
        self.usage.inclusions.append(Inclusion(target, node.lineno, frozenset(known)))
        if place == _LOOSE:
            self.loose(node.lineno, "include")

    def output(self, node: nodes.Output, known: set[str], place: str) -> None:
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                self.text(part, place)
            elif is_tag_call(part):
                assert isinstance(part, nodes.Call)
                self.placeholder(part, place)
            else:
                self.expression(part, known)
                if place == _LOOSE:
                    self.loose(part.lineno, "")

    def text(self, part: nodes.TemplateData, place: str) -> None:
        self.usage.text_length += len(part.data)
        kept = part.data.lstrip()
        if place == _LOOSE and kept:
            line = part.lineno + part.data[: len(part.data) - len(kept)].count("\n")
            self.loose(line, kept.split("\n", 1)[0].rstrip()[:40])

    def loose(self, line: int, word: str) -> None:
        message = "In a chat prompt all text stands inside chat blocks."
        self.usage.loose.append(Trouble(line, "text_outside_chat", message, word))

    def placeholder(self, call: nodes.Call, place: str) -> None:
        name = tag_argument(call)
        if place != _LOOSE:
            message = "A placeholder stands between chat blocks, not inside one."
            self.usage.troubles.append(Trouble(call.lineno, "chat_nested", message, name))
        self.said(self.usage.placeholders, name, call.lineno)

    def said(self, where: dict[str, int], name: str, line: int) -> None:
        if name not in where:
            where[name] = line
            self.usage.order.append(name)

    def expression(self, node: nodes.Node, known: set[str]) -> None:
        if isinstance(node, nodes.Name):
            if node.name not in known:
                self.said(self.usage.names, node.name, node.lineno)
            return
        called: Any = node.node if isinstance(node, nodes.Call) else None
        for child in node.iter_child_nodes():
            if child is called and isinstance(child, nodes.Name):
                continue  # range(…), the only name that is called
            self.expression(child, known)

    def store(self, target: nodes.Node, known: set[str]) -> None:
        known.update(
            name.name
            for name in (target, *target.find_all(nodes.Name))
            if isinstance(name, nodes.Name)
        )
