"""A version as a template that any other Jinja2 renders to the same: includes and chat resolved.

What a stock Jinja2 sandbox would render differently is refused with its line, never handed out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidError
from registry.domain.template.environment import environment
from registry.domain.template.inspection import parse
from registry.domain.template.stock import first_difference
from registry.domain.version import PromptType, Schema

_Token = tuple[int, str, str]
_RAW = frozenset({"raw_begin", "raw_end"})
_LITERALS = {None: "none", True: "true", False: "false"}


class NotStandaloneError(InvalidError):
    """The template needs Assay's own rendering."""

    code = "not_standalone"
    hint = "render it with POST /api/v1/prompts/{name}/render, or publish a version without it"


@dataclass(frozen=True, slots=True)
class Piece:
    """A message: its role and its template."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder's name, and how many messages come before it."""

    name: str
    after: int


@dataclass(frozen=True, slots=True)
class Standalone:
    """`text` of a text prompt, `messages` of a chat.

    `is_plain`: `{{ name }}` is all there is in it, so substitution does instead of Jinja2.
    """

    text: str = ""
    messages: tuple[Piece, ...] = ()
    placeholders: tuple[Slot, ...] = ()
    is_plain: bool = False


def standalone(kind: PromptType, template: str, variables: Mapping[str, Schema]) -> Standalone:
    """`template` (flattened, parsed without findings) for another Jinja2.

    In what is not plain, a variable that is not given is an error and a default is filled in, as
    here. Raises NotStandaloneError.
    """
    parsed = parse(template)
    if parsed.tree is None:
        raise NotStandaloneError(f"line {parsed.troubles[0].line}: {parsed.troubles[0].message}")
    difference = first_difference(parsed.tree)
    if difference is not None:
        raise NotStandaloneError(
            f"line {difference.line}: {difference.what}, which other Jinja2 environments "
            "render differently"
        )
    if kind == "text":
        if _is_plain([template], variables):
            # The line break at the end is dropped by Jinja2, not by substitution.
            return Standalone(template.removesuffix("\n"), is_plain=True)
        return Standalone(_preamble(variables) + template)
    messages, placeholders = conversation(template)
    if not _is_plain([piece.content for piece in messages], variables):
        before = _preamble(variables)
        told = tuple(Piece(piece.role, before + piece.content) for piece in messages)
        return Standalone(messages=told, placeholders=placeholders)
    return Standalone(messages=messages, placeholders=placeholders, is_plain=True)


def _preamble(variables: Mapping[str, Schema]) -> str:
    """Prints nothing. Gives defaults, and fails when a required variable is missing.

    Asking a value for an item it lacks is nothing in Jinja2; asking what is undefined is an error.
    """
    required = [name for name, schema in variables.items() if "default" not in schema]
    asked = ", ".join(f"{name}.given" for name in required) or "true"
    given = "".join(
        f"{{% set {name} = {name}|default({_literal(schema['default'])}) %}}"
        for name, schema in variables.items()
        if "default" in schema
    )
    return f"{{% if [{asked}] %}}{{% endif %}}{given}"


def _literal(value: Any) -> str:
    """A JSON value as Jinja2 writes it."""
    if isinstance(value, str):
        escaped = value.encode("unicode-escape").decode("ascii").replace('"', '\\"')
        return f'"{escaped}"'
    if value is None or isinstance(value, bool):
        return _LITERALS[value]
    if isinstance(value, Mapping):
        pairs = (f"{_literal(key)}: {_literal(one)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)


def _is_plain(bodies: Sequence[str], variables: Mapping[str, Schema]) -> bool:
    """Whether substitution can do it. With two variables it would expand one inside the other."""
    if len(variables) > 1 or any("default" in schema for schema in variables.values()):
        return False
    return all(is_substitution(body, variables) for body in bodies)


def is_substitution(body: str, variables: Mapping[str, Schema]) -> bool:
    """Whether `{{ variable }}` is all there is in it beside text."""
    shape = [
        (kind, value)
        for _, kind, value in environment().lexer.tokeniter(body, None)
        if kind not in {"data", "whitespace"}
    ]
    trios = [shape[at : at + 3] for at in range(0, len(shape), 3)]
    return all(
        [kind for kind, _ in trio] == ["variable_begin", "name", "variable_end"]
        and (trio[0][1], trio[2][1]) == ("{{", "}}")
        and trio[1][1] in variables
        for trio in trios
    )


def conversation(template: str) -> tuple[tuple[Piece, ...], tuple[Slot, ...]]:
    """A chat's messages and placeholders, their bodies as written. Raises NotStandaloneError."""
    messages: list[Piece] = []
    placeholders: list[Slot] = []
    inside: list[_Token] | None = None
    role = ""
    for tokens in _groups(template):
        word, argument = _tag(tokens)
        if word == "chat":
            inside, role = [], argument
        elif word == "endchat" and inside is not None:
            messages.append(Piece(role, _trimmed(inside)))
            inside = None
        elif inside is not None:
            inside += tokens
        elif word == "placeholder":
            placeholders.append(Slot(argument, len(messages)))
        elif _says_something(tokens):
            raise NotStandaloneError(
                f"line {tokens[0][0]}: `{{% {word or '…'} %}}` around chat blocks, which a list of "
                "messages cannot express"
            )
    return tuple(messages), tuple(placeholders)


def _groups(template: str) -> Iterator[list[_Token]]:
    """The tokens of each block tag together, every other token alone."""
    tag: list[_Token] = []
    for token in environment().lexer.tokeniter(template, None):
        if tag or token[1] == "block_begin":
            tag.append(token)
            if token[1] == "block_end":
                yield tag
                tag = []
        else:
            yield [token]


def _tag(tokens: Sequence[_Token]) -> tuple[str, str]:
    """A block tag's word, and the string in it: a role or a placeholder's name."""
    if tokens[0][1] != "block_begin":
        return "", ""
    words = [value for _, kind, value in tokens if kind == "name"]
    strings = [value[1:-1] for _, kind, value in tokens if kind == "string"]
    return words[0] if words else "", strings[0] if strings else ""


def _says_something(tokens: Sequence[_Token]) -> bool:
    _, kind, value = tokens[0]
    return not (kind.startswith("comment") or (kind == "data" and not value.strip()))


def _trimmed(tokens: Sequence[_Token]) -> str:
    """A chat block's body without the layout next to its tags, trimmed as rendering trims it.

    That is the first and the last text only, past comments and the marks of raw text.
    """
    kept = list(tokens)
    _strip_edge(kept, range(len(kept)), str.lstrip)
    _strip_edge(kept, range(len(kept) - 1, -1, -1), str.rstrip)
    return "".join(value for _, _, value in kept)


def _strip_edge(tokens: list[_Token], order: range, strip: Any) -> None:
    for at in order:
        line, kind, value = tokens[at]
        if kind == "data":
            tokens[at] = (line, kind, strip(value))
            return
        if not (kind.startswith("comment") or kind in _RAW):
            return
