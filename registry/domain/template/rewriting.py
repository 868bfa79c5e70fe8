"""From a checked tree to one that pays for what it does: no calls, no includes, bounded loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import nodes

from registry.domain.template.environment import CONCAT, LITERAL, LOOP, METHOD, RANGE
from registry.domain.template.errors import RenderRefusedError
from registry.domain.template.inspection import parse
from registry.domain.template.tags import is_tag_call

MAX_INCLUDE_DEPTH = 5
#: Nodes and characters of a template with its includes written out.
MAX_EXPANDED_NODES = 10_000
MAX_EXPANDED_TEXT = 2_000_000


class Rewriter:
    """Writes includes out and replaces what could be large by measured filters."""

    def __init__(self, partials: Mapping[str, str]) -> None:
        self.partials = partials
        self.nodes_left = MAX_EXPANDED_NODES
        self.text_left = MAX_EXPANDED_TEXT

    def template(self, source: str) -> nodes.Template:
        """The tree to compile; RenderRefusedError when the source is not acceptable."""
        return nodes.Template(self._body(source, 0), lineno=1)

    def _body(self, source: str, depth: int) -> list[nodes.Node]:
        if depth > MAX_INCLUDE_DEPTH:
            raise RenderRefusedError("Includes are nested too deep.")
        self.text_left -= len(source)
        if self.text_left < 0:
            raise RenderRefusedError("The template is too large with its includes.")
        parsed = parse(source)
        if parsed.tree is None:
            raise RenderRefusedError(parsed.troubles[0].message)
        self.nodes_left -= parsed.node_count
        if self.nodes_left < 0:
            raise RenderRefusedError("The template is too large with its includes.")
        return [self._node(child, depth) for child in parsed.tree.body]

    def _node(self, node: Any, depth: int) -> Any:
        if isinstance(node, nodes.Include):
            return self._include(node, depth)
        for name, value in node.iter_fields():
            if isinstance(value, nodes.Node):
                setattr(node, name, self._node(value, depth))
            elif isinstance(value, list):
                kept = [self._node(v, depth) if isinstance(v, nodes.Node) else v for v in value]
                setattr(node, name, kept)
        if isinstance(node, nodes.For):
            cost = nodes.Const(_cost(node.body), lineno=node.lineno)
            node.iter = _filter(LOOP, node.iter, cost)
        return _measured(node)

    def _include(self, node: nodes.Include, depth: int) -> nodes.Node:
        target = node.template.value if isinstance(node.template, nodes.Const) else None
        if not isinstance(target, str) or target not in self.partials:
            raise RenderRefusedError("The template includes something that is not a partial.")
        return nodes.Scope(self._body(self.partials[target], depth + 1), lineno=node.lineno)


def _measured(node: Any) -> Any:
    """Replace an expression by the filter that does the same and pays for it."""
    if isinstance(node, nodes.Call) and not is_tag_call(node):
        called = node.node
        if isinstance(called, nodes.Name):
            first = node.args[0] if node.args else nodes.Const(0, lineno=node.lineno)
            return _filter(RANGE, first, *node.args[1:])
        if isinstance(called, nodes.Filter):  # no attribute is left to be called here
            raise RenderRefusedError("Templates cannot call this.")
        assert isinstance(called, nodes.Getattr)
        name = nodes.Const(called.attr, lineno=node.lineno)
        result = _filter(METHOD, called.node, name, *node.args)
        result.kwargs = list(node.kwargs)  # type: ignore[arg-type]  # Jinja2's own parser does so
        return result
    if isinstance(node, nodes.Concat):
        return _filter(CONCAT, nodes.List(node.nodes, lineno=node.lineno))
    if isinstance(node, (nodes.List, nodes.Dict)):
        return _filter(LITERAL, node)
    if isinstance(node, nodes.Tuple) and node.ctx == "load":
        return _filter(LITERAL, node)
    return node


def _filter(name: str, value: Any, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(arguments), [], None, None, lineno=value.lineno)


def _cost(body: list[nodes.Node]) -> int:
    """Nodes and characters of one turn, includes written out."""
    total, stack = 1, list(body)
    while stack:
        node = stack.pop()
        total += 1 + (len(node.data) if isinstance(node, nodes.TemplateData) else 0)
        stack.extend(node.iter_child_nodes())
    return total
