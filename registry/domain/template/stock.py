"""What a stock Jinja2 sandbox does differently from ours: such a template is not handed out to one.

Ours prints what filters make as lists, keeps JSON as it is, and looks up items, never methods.
"""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import nodes

from registry.domain.template.environment import LOOP_FACTS

#: Filters of the same name that write something else: `tojson` escapes for HTML and sorts keys, the
#: others lay out blank lines and long words in other ways.
_DIFFERENT = frozenset({"indent", "tojson", "wordwrap"})
#: What these give is worked out when it is read: once, and never printed as a list.
_LAZY = frozenset("batch map reject rejectattr reverse select selectattr slice unique".split())
_LAZY_METHODS = frozenset({"items", "keys", "values"})
_READERS = frozenset(
    "batch first join list map max min reject rejectattr select selectattr slice sort sum "
    "unique".split()
)
#: How many of a filter's plain arguments may name an attribute; `attribute=` always does.
_ATTRIBUTE_AT = {"map": 0, "rejectattr": 1, "selectattr": 1}
#: `value.items` is a method there even if the value has an item of that name.
_NATIVE = frozenset(name for kind in (dict, list, str, int, float, tuple) for name in dir(kind))


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that would come out differently, and its line."""

    what: str
    line: int


def first_difference(tree: nodes.Template) -> Difference | None:
    """What a stock sandbox would do differently in a checked tree (see inspection.py), or None."""
    return _in_children(tree)


def _in_children(node: nodes.Node, reads: nodes.Node | None = None) -> Difference | None:
    for child in node.iter_child_nodes():
        found = _difference(child, is_read=child is reads)
        if found is not None:
            return found
    return None


def _difference(node: nodes.Node, *, is_read: bool) -> Difference | None:
    what = _lazy(node) if not is_read else ""
    what = what or _own(node)
    if what:
        return Difference(what, node.lineno)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        keywords = [keyword.value for keyword in node.kwargs]
        return _in_children(node.node) or _first([*node.args, *keywords])
    return _in_children(node, _reads(node))


def _first(arguments: list[nodes.Expr]) -> Difference | None:
    return next((d for a in arguments if (d := _difference(a, is_read=False))), None)


def _reads(node: nodes.Node) -> nodes.Node | None:
    """The child that is gone through at once, so that it may be lazy."""
    if isinstance(node, nodes.For):
        return node.iter
    return node.node if isinstance(node, nodes.Filter) and node.name in _READERS else None


def _lazy(node: nodes.Node) -> str:
    if isinstance(node, nodes.Filter) and node.name in _LAZY:
        return f"the result of `{node.name}` is used without `list` or `join`"
    if isinstance(node, nodes.Call):
        called = node.node
        if isinstance(called, nodes.Name):
            return f"the result of `{called.name}(…)` is used without `list`"
        if isinstance(called, nodes.Getattr) and called.attr in _LAZY_METHODS:
            return f"the result of `.{called.attr}()` is used without `list`"
    return ""


def _own(node: nodes.Node) -> str:
    if isinstance(node, nodes.Filter):
        return _of_filter(node)
    if isinstance(node, nodes.Getattr):
        is_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
        if node.attr in _NATIVE and not (is_loop and node.attr in LOOP_FACTS):
            return f"`.{node.attr}` names a method"
    if isinstance(node, nodes.Getitem) and _is_native(node.arg):
        return "an index names a method"
    return ""


def _of_filter(node: nodes.Filter) -> str:
    if node.name in _DIFFERENT:
        return f"the filter `{node.name}`"
    attributes = [keyword.value for keyword in node.kwargs if keyword.key == "attribute"]
    if node.name in _READERS:
        attributes += node.args[: _ATTRIBUTE_AT.get(node.name, len(node.args))]
    if any(map(_is_native, attributes)):
        return f"`{node.name}` takes an attribute that names a method"
    named = {value.value for value in node.args[:1] if isinstance(value, nodes.Const)}
    if node.name == "map" and named & (_DIFFERENT | _LAZY):
        return "`map` over a filter that differs"
    return ""


def _is_native(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.Const) or not isinstance(node.value, str):
        return False
    return any(part in _NATIVE for part in node.value.split("."))
