"""Lists of chat messages as bodies of chat prompts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evals.domain.json_values import JsonError, read_json
from evals.importers.errors import ImportRefusedError
from evals.importers.loading import read_yaml_text
from evals.importers.nunjucks import Converted
from registry.domain.template.tags import ROLES

Convert = Callable[[str], Converted]
#: An expression outside of quotes in a JSON template: it prints a whole JSON value.
_BARE = re.compile(r"\{\{-?\s*([^{}|]+?)\s*\|\s*dump(?:\(\d*\))?\s*-?\}\}")
_YAML_CHAT = re.compile(r"-\s+role\s*:")
_ROLE_NAMES = {"developer": "system", "human": "user", "ai": "assistant", "model": "assistant"}


class ChatError(Exception):
    """Why a value is not a chat that Assay can hold; a clause for the report."""


@dataclass(frozen=True)
class Chat:
    """A body of chat blocks, and what its templates use."""

    body: str
    names: frozenset[str]
    printed: frozenset[str]
    differences: tuple[str, ...]


def messages_of(text: str) -> list[Any] | None:
    """The messages of a prompt that is JSON or YAML of a chat; None when it is plain text.

    Raises ChatError when it means to be a chat and cannot be read as one.
    """
    start = text.lstrip()[:1]
    if start == "[" and '"role"' in text:
        return _json_messages(text)
    if _YAML_CHAT.match(text.lstrip()):
        try:
            value = read_yaml_text(text)
        except ImportRefusedError as error:
            raise ChatError(f"it looks like a chat in YAML and is none: {error.message}") from error
        return value if isinstance(value, list) else None
    return None


def _json_messages(text: str) -> list[Any]:
    for candidate in (text, _BARE.sub(lambda found: '"{{ ' + found[1] + ' }}"', text)):
        try:
            value = read_json(candidate)
        except JsonError:
            continue
        if isinstance(value, list):
            return value
    raise ChatError("its list of messages is built by template statements")


def chat_body(value: Any, convert: Convert) -> Chat:
    """The chat blocks of a list of {role, content}. Raises ChatError."""
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if not isinstance(value, list) or not value:
        raise ChatError("it is not a list of messages")
    blocks: list[str] = []
    names: set[str] = set()
    worked_on: set[str] = set()
    notes: list[str] = []
    for message in value:
        role, text = _message(message, notes)
        converted = convert(text)
        if converted.problem:
            raise ChatError(converted.problem)
        names |= converted.names
        worked_on |= converted.names - converted.printed
        notes += converted.differences
        if text != text.strip():
            notes.append("white space at the edges of a message is not kept")
        blocks.append(block(role, converted.text))
    unique = tuple(dict.fromkeys(notes))
    return Chat("".join(blocks), frozenset(names), frozenset(names - worked_on), unique)


def block(role: str, body: str) -> str:
    """One chat block; `body` is a template."""
    return f'{{% chat role="{role}" %}}\n{body.strip()}\n{{% endchat %}}\n'


def _message(message: Any, notes: list[str]) -> tuple[str, str]:
    if not isinstance(message, dict) or "role" not in message:
        raise ChatError("a message has no role")
    role = str(message["role"])
    if role in _ROLE_NAMES:
        notes.append(f"the role {role} becomes {_ROLE_NAMES[role]}")
        role = _ROLE_NAMES[role]
    if role not in ROLES:
        raise ChatError(f"a message has the role {role[:40]!r}")
    strange = sorted(str(key) for key in message.keys() - {"role", "content"})
    notes += [f"`{key[:40]}` of a message is left out" for key in strange]
    return role, plain_content(message.get("content"), notes)


def plain_content(content: Any, notes: list[str]) -> str:
    """The text of a message's content: a text, or parts that are texts. Raises ChatError."""
    if isinstance(content, str):
        return content
    parts: Sequence[Any] = content if isinstance(content, list) else [content]
    texts = []
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif isinstance(part, str):
            texts.append(part)
        else:
            raise ChatError("a message holds more than text")
    if len(texts) > 1:
        notes.append("the parts of a message are joined by line ends")
    return "\n".join(texts)
