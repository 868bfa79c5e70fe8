"""Rendering a version with values: the domain part, bounded but in this process.

Servers call `registry.rendering`, which does this in a child process with hard limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from jinja2 import Template as CompiledTemplate
from jinja2 import TemplateError, UndefinedError
from jinja2.exceptions import SecurityError

from registry.domain.names import UNSTORABLE
from registry.domain.schemas import ValueProblem, complete_values, escape_pointer
from registry.domain.template.environment import environment
from registry.domain.template.errors import RenderError, RenderRefusedError
from registry.domain.template.meter import MAX_OUTPUT, MAX_VALUE_DEPTH, Meter, metered, size
from registry.domain.template.rewriting import Rewriter
from registry.domain.template.tags import ROLES, Message, Script, recording
from registry.domain.version import PromptType, VersionContent

#: Integers JSON readers agree on.
MAX_INTEGER = 2**63


@dataclass(frozen=True)
class Rendered:
    """A prompt with its values in. A text prompt is also one user message; chat has no `text`."""

    type: PromptType
    text: str
    messages: tuple[Message, ...]

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rendered:
        """What `to_json` wrote."""
        messages = tuple(Message(**message) for message in value["messages"])
        return cls(value["type"], value["text"], messages)


def render(
    content: VersionContent,
    variables: Mapping[str, Any],
    placeholders: Mapping[str, Sequence[Mapping[str, str]]] = MappingProxyType({}),
    *,
    output_chars: int = MAX_OUTPUT,
) -> Rendered:
    """Check the values, fill defaults in, and render.

    `placeholders` are lists of {"role", "content"}; one that is not given inserts nothing.
    Raises RenderError naming bad values by JSON pointer, RenderRefusedError for what templates
    may not do and for results over `output_chars` characters.
    """
    values = _checked_values(content, variables)
    turns = _checked_placeholders(content, placeholders)
    template = _compiled(content.source, tuple(sorted(content.partials.items())))
    script = Script(Meter(output=output_chars), turns)
    try:
        with metered(script.meter), recording(script):
            text = _run(template, values, script.meter)
    except UndefinedError as error:
        raise _failed(f"needs a value that is missing: {str(error.message)[:200]}") from None
    except SecurityError as error:
        raise RenderRefusedError(str(error)[:300]) from None
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise _failed(f"fails with these values: {str(error)[:200]}") from None
    except (AttributeError, AssertionError, RecursionError) as error:
        raise RenderRefusedError(f"Rendering failed: {str(error)[:300]}.") from None
    if content.type == "chat":
        return Rendered("chat", "", tuple(script.messages))
    return Rendered("text", text, (Message("user", text),))


def _failed(message: str) -> RenderError:
    """A mistake that shows only while rendering; its pointer is the whole of the values."""
    return RenderError.about((ValueProblem("", f"the template {message}"),))


def _run(template: CompiledTemplate, values: dict[str, Any], meter: Meter) -> str:
    parts: list[str] = []
    for part in template.root_render_func(template.new_context(values)):
        meter.write(len(part))
        parts.append(part)
    return "".join(parts)


@lru_cache(maxsize=64)
def _compiled(source: str, partials: tuple[tuple[str, str], ...]) -> CompiledTemplate:
    env = environment()
    try:
        code = env.compile(Rewriter(dict(partials)).template(source))
    except (TemplateError, SyntaxError, RecursionError, ValueError, OverflowError) as error:
        raise RenderRefusedError(f"The template cannot be compiled: {str(error)[:200]}.") from None
    return CompiledTemplate.from_code(env, code, {})


def _checked_values(content: VersionContent, variables: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    problems: list[ValueProblem] = []
    for name, value in variables.items():
        plain[str(name)] = _plain(value, f"/{escape_pointer(str(name))}", problems, 0)
    if problems:
        raise RenderError.about(tuple(problems))
    size(plain)
    complete, found = complete_values(content.variables, plain)
    if found:
        raise RenderError.about(found)
    return complete


def _plain(value: Any, pointer: str, problems: list[ValueProblem], depth: int) -> Any:
    """A copy made of nothing but str, int, float, bool, None, list and dict."""
    kind = type(value)
    message = ""
    if kind is bool or value is None or (kind is str and not UNSTORABLE.search(value)):
        return value
    if kind in {int, float}:
        if abs(value) < MAX_INTEGER if kind is int else math.isfinite(value):
            return value
        message = "is a number JSON readers do not agree on"
    elif kind is str:
        message = "holds a NUL or half a character (a lone surrogate)"
    elif depth >= MAX_VALUE_DEPTH - 1:
        message = "is nested too deep"
    elif kind is list:
        return [_plain(v, f"{pointer}/{i}", problems, depth + 1) for i, v in enumerate(value)]
    elif kind is dict and all(type(key) is str for key in value):
        return {
            key: _plain(v, f"{pointer}/{escape_pointer(key)}", problems, depth + 1)
            for key, v in value.items()
        }
    problems.append(ValueProblem(pointer, message or "is not plain JSON data"))
    return None


def _checked_placeholders(
    content: VersionContent, placeholders: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, tuple[Message, ...]]:
    from registry.domain.template.analysis import placeholder_names

    known = placeholder_names(content) if placeholders else ()
    problems: list[ValueProblem] = []
    turns: dict[str, tuple[Message, ...]] = {}
    for name, value in placeholders.items():
        pointer = f"/placeholders/{escape_pointer(str(name))}"
        if name not in known:
            problems.append(ValueProblem(pointer, "is not a placeholder of this prompt"))
        elif not isinstance(value, (list, tuple)):
            problems.append(ValueProblem(pointer, "must be a list of messages"))
        else:
            turns[name] = tuple(_turns(value, pointer, problems))
    if problems:
        raise RenderError.about(tuple(problems))
    return turns


def _turns(value: Sequence[Any], pointer: str, problems: list[ValueProblem]) -> list[Message]:
    messages = []
    for index, turn in enumerate(value):
        is_pair = isinstance(turn, dict) and set(turn) == {"role", "content"}
        if is_pair and turn["role"] in ROLES and type(turn["content"]) is str:
            messages.append(Message(turn["role"], turn["content"]))
        else:
            message = f"must be {{role, content}} with a role of {', '.join(ROLES)}"
            problems.append(ValueProblem(f"{pointer}/{index}", message))
    return messages
