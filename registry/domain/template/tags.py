"""The two tags of chat prompts: `{% chat role="…" %}…{% endchat %}` and `{% placeholder "…" %}`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from registry.domain.template.meter import Meter

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass
class Script:
    """The conversation a render is writing."""

    meter: Meter
    placeholders: Mapping[str, tuple[Message, ...]]
    messages: list[Message] = field(default_factory=list)

    def say(self, message: Message) -> None:
        """Add one turn."""
        self.meter.spend(100)
        self.meter.write(len(message.content))
        self.messages.append(message)


_SCRIPT: ContextVar[Script] = ContextVar("render_script")


@contextmanager
def recording(script: Script) -> Iterator[Script]:
    """Make `script` the one that templates write to."""
    token = _SCRIPT.set(script)
    try:
        yield script
    finally:
        _SCRIPT.reset(token)


class PromptTags(Extension):
    """Parses both tags; at run time they write to the current Script and print nothing."""

    tags = {"chat", "placeholder"}

    def parse(self, parser: Parser) -> nodes.Node:
        """Called by Jinja2 at either word."""
        token = next(parser.stream)
        if token.value == "placeholder":
            name = parser.stream.expect("string")
            call = self.call_method("_insert", [nodes.Const(name.value, lineno=name.lineno)])
            return nodes.Output([call.set_lineno(token.lineno)], lineno=token.lineno)
        return self._parse_chat(parser, token.lineno)

    def _parse_chat(self, parser: Parser, lineno: int) -> nodes.Node:
        word = parser.stream.expect("name")
        if word.value != "role":
            parser.fail('A chat block starts like {% chat role="user" %}.', lineno)
        parser.stream.expect("assign")
        role = parser.stream.expect("string").value
        if role not in ROLES:
            parser.fail(f"The role is one of {', '.join(ROLES)}.", lineno)
        body = parser.parse_statements(("name:endchat",), drop_needle=True)
        _trim(body)
        call = self.call_method("_say", [nodes.Const(role, lineno=lineno)]).set_lineno(lineno)
        return nodes.CallBlock(call, [], [], body, lineno=lineno)

    def _say(self, role: str, caller: Callable[[], str]) -> str:
        _SCRIPT.get().say(Message(role, str(caller())))
        return ""

    def _insert(self, name: str) -> str:
        script = _SCRIPT.get()
        for message in script.placeholders.get(name, ()):
            script.say(message)
        return ""


def _trim(body: list[nodes.Node]) -> None:
    """Drop the blank layout next to the tags. Only the template's own text, never a value."""
    if body and isinstance(body[0], nodes.Output):
        first = body[0].nodes[0]
        if isinstance(first, nodes.TemplateData):
            kept = first.data.lstrip()
            first.lineno += first.data[: len(first.data) - len(kept)].count("\n")
            first.data = kept
    if body and isinstance(body[-1], nodes.Output):
        last = body[-1].nodes[-1]
        if isinstance(last, nodes.TemplateData):
            last.data = last.data.rstrip()


def is_tag_call(node: Any) -> bool:
    """Whether `node` is the call one of our tags compiles to."""
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.ExtensionAttribute)


def tag_argument(node: nodes.Call) -> str:
    """The role or placeholder name such a call carries."""
    argument = node.args[0]
    assert isinstance(argument, nodes.Const)
    return str(argument.value)
