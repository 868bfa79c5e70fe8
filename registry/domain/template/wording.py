"""What people call the parts of a template."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes

from registry.domain.template.slots import Open, Slot


def mentioned(value: Any, before: str) -> str:
    """`before` with the variable that `value` begins with, if any."""
    parts = value.parts if isinstance(value, Open) else ()
    slots = [part for part in parts if isinstance(part, Slot)]
    return f"{before} the variable `{slots[0].name}`" if slots else f"{before} this"


def named(node: nodes.Node) -> str:
    """What people call a node."""
    if isinstance(node, nodes.BinExpr):
        return f"the operator `{node.operator}`"
    if isinstance(node, nodes.Call):
        called = node.node
        name = getattr(called, "name", "") or getattr(called, "attr", "")
        return f"the call of `{name}`"
    word = _WORDS.get(type(node), f"`{type(node).__name__}`")
    return word.format(name=getattr(node, "name", ""), attr=getattr(node, "attr", ""))


_WORDS: dict[type[nodes.Node], str] = {
    nodes.AssignBlock: "`{{% set … | filter %}}`",
    nodes.Filter: "the filter `{name}`",
    nodes.Test: "the test `is {name}`",
    nodes.Getattr: "`.{attr}`",
    nodes.Getitem: "an index `[…]`",
    nodes.Dict: "a literal mapping",
    nodes.CondExpr: "`… if …` without `else`",
    nodes.Neg: "the sign `-`",
    nodes.Pos: "the sign `+`",
}
