"""Work a template out as far as that goes without values: text with slots for variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from jinja2 import nodes

from registry.domain.template.errors import PlainTextError
from registry.domain.template.inspection import parse
from registry.domain.template.slots import Open, Parts, Placeholder, Slot, Text, Turn
from registry.domain.template.tags import is_tag_call, tag_argument
from registry.domain.template.wording import mentioned, named

#: Characters and pieces of all text together, and steps of folding.
MAX_TEXT = 1_000_000
MAX_STEPS = 20_000


_Scope = dict[str, Any]


class Folder:
    """Follows Jinja2's scopes as `names_used` does, and writes what rendering would."""

    def __init__(
        self, partials: Mapping[str, str], variables: frozenset[str], unprintable: Mapping[str, str]
    ) -> None:
        """`unprintable` says of some variables why their values cannot be put into a slot."""
        self._partials = partials
        self._variables = variables
        self._unprintable = unprintable
        self._partial = ""
        self._steps_left, self._text_left = MAX_STEPS, MAX_TEXT
        #: What stands outside all chat blocks, and the conversation.
        self.text = Text()
        self.turns: list[Turn | Placeholder] = []

    def fold(self, source: str) -> None:
        """Fill `text` and `turns`. Raises PlainTextError."""
        self._body(source, {}, self.text)

    def _body(self, source: str, scope: _Scope, out: Text) -> None:
        parsed = parse(source)
        if parsed.tree is None:
            trouble = parsed.troubles[0]
            raise self._refused(trouble.message, trouble.line)
        self._block(parsed.tree.body, scope, out)

    def _block(self, body: Iterable[nodes.Node], scope: _Scope, out: Text) -> None:
        for node in body:
            self._spend(node)
            self._statement(node, scope, out)

    def _statement(self, node: nodes.Node, scope: _Scope, out: Text) -> None:
        if isinstance(node, nodes.Output):
            self._output(node, scope, out)
        elif isinstance(node, nodes.If):
            self._branch(node, scope, out)
        elif isinstance(node, nodes.For):
            self._loop(node, scope, out)
        elif isinstance(node, nodes.Include):
            self._include(node, scope, out)
        elif isinstance(node, nodes.CallBlock):
            content = Text()
            self._block(node.body, dict(scope), content)
            self.turns.append(Turn(tag_argument(node.call), content.parts))
        else:
            self._binding(node, scope, out)

    def _binding(self, node: nodes.Node, scope: _Scope, out: Text) -> None:
        if isinstance(node, nodes.Assign):
            scope[self._target(node.target)] = self._value(node.node, scope)
        elif isinstance(node, nodes.AssignBlock) and node.filter is None:
            captured = Text()
            self._block(node.body, dict(scope), captured)
            scope[self._target(node.target)] = captured.value
        elif isinstance(node, nodes.With):
            values = [self._value(value, scope) for value in node.values]
            names = [self._target(target) for target in node.targets]
            self._block(node.body, {**scope, **dict(zip(names, values, strict=True))}, out)
        else:
            raise self._refused(f"{named(node)} needs rendering", node.lineno)

    def _output(self, node: nodes.Output, scope: _Scope, out: Text) -> None:
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                self._write(out, (part.data,), part)
            elif is_tag_call(part):
                assert isinstance(part, nodes.Call)
                self.turns.append(Placeholder(tag_argument(part)))
            else:
                self._write(out, self._printed(part, scope), part)

    def _write(self, out: Text, parts: Parts, node: nodes.Node) -> None:
        self._text_left -= sum(len(part) if isinstance(part, str) else 1 for part in parts)
        if self._text_left < 0:
            raise self._refused(f"the text grows over {MAX_TEXT:,} characters", node.lineno)
        trouble = out.write(parts)
        if trouble:
            before = next((part for part in parts if isinstance(part, str)), "")
            raise self._refused(trouble, node.lineno + before.partition("{{")[0].count("\n"))

    def _branch(self, node: nodes.If, scope: _Scope, out: Text) -> None:
        for option in (node, *node.elif_):
            if self._truth(option.test, scope, "`{% if %}`"):
                self._block(option.body, scope, out)
                return
        self._block(node.else_, scope, out)

    def _loop(self, node: nodes.For, scope: _Scope, out: Text) -> None:
        turns = self._value(node.iter, scope)
        if not isinstance(turns, list):
            what = mentioned(turns, "`{% for %}` over")
            raise self._refused(f"{what} needs rendering", node.lineno)
        if node.test is not None:
            raise self._refused("`{% for … if … %}` needs rendering", node.lineno)
        name = self._target(node.target)
        for value in turns:
            self._block(node.body, {**scope, name: value}, out)
        if not turns:
            self._block(node.else_, dict(scope), out)

    def _include(self, node: nodes.Include, scope: _Scope, out: Text) -> None:
        target = node.template.value if isinstance(node.template, nodes.Const) else None
        if target not in self._partials:
            raise self._refused("this include has no text here", node.lineno)
        around, self._partial = self._partial, str(target)
        self._body(self._partials[self._partial], dict(scope), out)
        self._partial = around

    def _target(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Name):
            return node.name
        raise self._refused("several names set at once need rendering", node.lineno)

    # --- Expressions: str, int, float, bool, None, list, or an open text ---

    def _printed(self, node: nodes.Node, scope: _Scope) -> Parts:
        value = self._value(node, scope)
        if isinstance(value, Open):
            self._check_printed(value, node)
            return value.parts
        if isinstance(value, list):
            raise self._refused("a printed list needs rendering", node.lineno)
        return (str(value),)

    def _check_printed(self, value: Open, node: nodes.Node) -> None:
        for slot in (part for part in value.parts if isinstance(part, Slot)):
            if slot.name in self._unprintable:
                why = self._unprintable[slot.name]
                raise self._refused(f"the variable `{slot.name}` {why}", node.lineno)

    def _value(self, node: nodes.Node, scope: _Scope) -> Any:
        self._spend(node)
        folded = self._folded.get(type(node))
        if folded is None:
            raise self._refused(f"{named(node)} needs rendering", node.lineno)
        return folded(self, node, scope)

    def _constant(self, node: nodes.Const, _scope: _Scope) -> Any:
        return node.value

    def _joined(self, node: nodes.Concat, scope: _Scope) -> str | Open:
        text = Text()
        for one in node.nodes:
            self._write(text, self._printed(one, scope), one)
        return text.value

    def _list(self, node: nodes.List | nodes.Tuple, scope: _Scope) -> list[Any]:
        return [self._value(item, scope) for item in node.items]

    def _choice(self, node: nodes.CondExpr, scope: _Scope) -> Any:
        is_first = self._truth(node.test, scope, "`… if …`")
        chosen = node.expr1 if is_first else node.expr2
        if chosen is None:
            raise self._refused("`… if …` without `else` needs rendering", node.lineno)
        return self._value(chosen, scope)

    def _opposite(self, node: nodes.Not, scope: _Scope) -> bool:
        return not self._truth(node.node, scope, "`not`")

    def _either(self, node: nodes.And | nodes.Or, scope: _Scope) -> Any:
        left = self._value(node.left, scope)
        is_left = self._is_true(left, node, "`and`/`or`") == isinstance(node, nodes.Or)
        return left if is_left else self._value(node.right, scope)

    def _name(self, node: nodes.Name, scope: _Scope) -> Any:
        if node.name in scope:
            return scope[node.name]
        if node.name not in self._variables:
            raise self._refused(f"`{node.name}` needs rendering", node.lineno)
        return Open((Slot(node.name),))

    def _equal(self, node: nodes.Compare, scope: _Scope) -> bool:
        left, [operand] = self._value(node.expr, scope), node.ops[:1]
        right = self._value(operand.expr, scope)
        known = not isinstance(left, Open | list) and not isinstance(right, Open | list)
        if len(node.ops) > 1 or operand.op not in {"eq", "ne"} or not known:
            raise self._refused(
                f"{mentioned(left, 'a comparison of')} needs rendering", node.lineno
            )
        return bool(left == right) == (operand.op == "eq")

    def _truth(self, node: nodes.Node, scope: _Scope, what: str) -> bool:
        return self._is_true(self._value(node, scope), node, what)

    def _is_true(self, value: Any, node: nodes.Node, what: str) -> bool:
        if isinstance(value, Open):
            raise self._refused(f"{mentioned(value, f'{what} on')} needs rendering", node.lineno)
        return bool(value)

    def _spend(self, node: nodes.Node) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise self._refused("the template does too much work", node.lineno)

    def _refused(self, what: str, line: int) -> PlainTextError:
        return PlainTextError(what, line, self._partial)

    _folded: ClassVar[dict[type[nodes.Node], Callable[[Folder, Any, _Scope], Any]]] = {
        nodes.Const: _constant,
        nodes.Name: _name,
        nodes.Concat: _joined,
        nodes.List: _list,
        nodes.Tuple: _list,
        nodes.CondExpr: _choice,
        nodes.Not: _opposite,
        nodes.And: _either,
        nodes.Or: _either,
        nodes.Compare: _equal,
    }
