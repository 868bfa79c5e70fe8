"""What a parsed template consists of, found without running it.

Everything a template may contain is on an allow-list here; what is not is refused with its line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jinja2 import TemplateError, nodes

from registry.domain.template.environment import METHODS, environment
from registry.domain.template.filters import NAMED_ARGUMENT
from registry.domain.template.meter import MAX_NUMBER_BITS

MAX_NODES = 5_000
MAX_DEPTH = 60
#: Python refuses twenty nested blocks; nobody reads eight.
MAX_LOOP_DEPTH = 8
MAX_TAGS = 2_500
MAX_TROUBLES = 20
_WORDS = {"self", "super", "caller", "varargs", "kwargs"}

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.With,
    nodes.Assign,
    nodes.AssignBlock,
    nodes.Include,
    nodes.CallBlock,
    nodes.Call,
    nodes.Name,
    nodes.Const,
    nodes.Tuple,
    nodes.List,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Concat,
    nodes.Compare,
    nodes.Operand,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.ExtensionAttribute,
)
_TAG_OF = {
    nodes.Macro: "macro",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.FilterBlock: "filter",
    nodes.Scope: "autoescape",
    nodes.NSRef: "namespace",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a template may not contain. `word` is what to look for on the line."""

    line: int
    code: str
    message: str
    word: str = ""


@dataclass(frozen=True)
class Parsed:
    """A template's tree, or why there is none."""

    tree: nodes.Template | None
    node_count: int = 0
    troubles: tuple[Trouble, ...] = field(default_factory=tuple)


def parse(source: str) -> Parsed:
    """Parse and check every node. Never runs or compiles anything."""
    if source.count("{{") + source.count("{%") > MAX_TAGS:
        return _refused(1, "template_too_large", f"A template has at most {MAX_TAGS:,} tags.")
    try:
        tree = environment().parse(source)
    except TemplateError as error:
        line = getattr(error, "lineno", 1) or 1
        return _refused(line, "template_syntax", f"{str(error.message)[:300]}")
    except (ValueError, OverflowError, RecursionError) as error:
        return _refused(1, "template_syntax", f"The template cannot be read: {str(error)[:200]}")
    count, troubles = _check(tree)
    return Parsed(None if troubles else tree, count, tuple(troubles))


def _refused(line: int, code: str, message: str) -> Parsed:
    return Parsed(None, troubles=(Trouble(line, code, message),))


def _check(tree: nodes.Template) -> tuple[int, list[Trouble]]:
    """Count and check every node; without recursion, because depth is what is being checked."""
    stack: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    count = 0
    troubles: list[Trouble] = []
    while stack:
        node, depth, loops = stack.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH or loops > MAX_LOOP_DEPTH:
            line = getattr(node, "lineno", 1) or 1
            text = "The template is too large or too deeply nested."
            return count, [Trouble(line, "template_too_large", text)]
        if not isinstance(node, _ALLOWED):
            troubles.append(_not_allowed(node))
            continue
        troubles.extend(_check_node(node))
        is_loop = isinstance(node, (nodes.For, nodes.With, nodes.CallBlock, nodes.AssignBlock))
        stack.extend((child, depth + 1, loops + is_loop) for child in node.iter_child_nodes())
    return count, sorted(troubles, key=lambda trouble: trouble.line)[:MAX_TROUBLES]


def _not_allowed(node: nodes.Node) -> Trouble:
    word = _TAG_OF.get(type(node), type(node).__name__)
    return Trouble(node.lineno, "template_refused", f"Templates cannot use `{word}`.", word)


def _check_node(node: nodes.Node) -> Iterator[Trouble]:
    message, word = "", ""
    if isinstance(node, nodes.Name):
        message, word = _check_name(node), node.name
    elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        message, word = f"Templates cannot reach `{node.attr[:60]}`.", node.attr
    elif isinstance(node, (nodes.Filter, nodes.Test)):
        message, word = _check_filter(node), node.name
    elif isinstance(node, nodes.Call):
        message, word = _check_call(node)
    elif isinstance(node, nodes.CallBlock) and not isinstance(
        node.call.node, nodes.ExtensionAttribute
    ):
        message, word = "Templates cannot use `call`.", "call"
    elif isinstance(node, nodes.Const):
        message = _check_constant(node.value)
    elif isinstance(node, nodes.For) and node.recursive:
        message, word = "Loops cannot be recursive.", "recursive"
    if message:
        yield Trouble(node.lineno, "template_refused", message, word)


def _check_name(node: nodes.Name) -> str:
    if node.name.startswith("_") or node.name in _WORDS or not node.name.isascii():
        return f"Templates cannot use the name `{node.name[:60]}`."
    if node.ctx != "load" and node.name in {"loop", "range"}:
        return f"`{node.name}` cannot be set."
    return ""


def _check_filter(node: nodes.Filter | nodes.Test) -> str:
    kind = "filter" if isinstance(node, nodes.Filter) else "test"
    if node.dyn_args or node.dyn_kwargs:
        return "Templates cannot use * and ** arguments."
    if not _is_public(kind, node.name):
        return f"There is no {kind} `{node.name[:60]}`."
    inner, position = NAMED_ARGUMENT.get(node.name, ("", 0)) if kind == "filter" else ("", 0)
    if not inner or len(node.args) <= position:
        return ""
    chosen = node.args[position]
    if isinstance(chosen, nodes.Const) and _is_public(inner, chosen.value):
        return ""
    return f"`{node.name}` needs the quoted name of a known {inner}."


def _is_public(kind: str, name: Any) -> bool:
    known: Iterable[str] = environment().filters if kind == "filter" else environment().tests
    return isinstance(name, str) and not name.startswith("_") and name in known


def _check_call(node: nodes.Call) -> tuple[str, str]:
    called = node.node
    if isinstance(called, nodes.ExtensionAttribute):
        return "", ""
    if node.dyn_args or node.dyn_kwargs:
        return "Templates cannot use * and ** arguments.", "*"
    if isinstance(called, nodes.Name):
        known = called.name == "range" and not node.kwargs
        return ("" if known else f"Templates cannot call `{called.name[:60]}`."), called.name
    if isinstance(called, nodes.Getattr) and called.attr in METHODS:
        return "", ""
    word = called.attr[:60] if isinstance(called, nodes.Getattr) else ""
    return f"Templates cannot call `{word or 'this'}`.", word


def _check_constant(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
        return "This number is too large."
    if isinstance(value, float) and not math.isfinite(value):
        return "This number is too large."
    return ""
