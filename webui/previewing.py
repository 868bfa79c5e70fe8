"""A version rendered with what somebody typed in, and how much of it every call shares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from core.errors import InvalidError
from registry import slow
from registry.domain.lint.pieces import CHARACTERS_PER_TOKEN, tokens
from registry.domain.lint.prefix_cache import prefix_score
from registry.domain.template.analysis import placeholder_names
from registry.domain.version import VersionContent
from registry.models import PromptVersion
from registry.preview import preview

#: The form's names, apart from the page's own fields.
_VARIABLE, _PLACEHOLDER = "var:", "placeholder:"
_LONG = 80
_BAR = 640


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the preview's form. `kind`: text, long, number, choice, boolean or json."""

    name: str
    label: str
    kind: str
    value: str
    choices: tuple[str, ...] = ()
    help: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """The messages, and characters: all of them, and those before the first variable, which every
    call shares. Tokens are estimates, as the tokenizer is not at hand.
    """

    messages: Sequence[Mapping[str, str]]
    characters: int
    shared: int

    @property
    def tokens(self) -> int:
        """About how many tokens a model reads."""
        return tokens(self.characters)

    @property
    def shared_tokens(self) -> int:
        """About how many of them a server's prefix cache can keep for the next call."""
        return tokens(self.shared)

    @property
    def share(self) -> float:
        """The shared part, 0 to 1; of nothing everything is shared."""
        return self.shared / self.characters if self.characters else 1.0

    @property
    def bar(self) -> tuple[int, int]:
        """The shared part and the rest, in pixels of 640."""
        width = round(_BAR * self.share)
        return width, _BAR - width

    @property
    def characters_per_token(self) -> int:
        """What the estimate takes for granted."""
        return CHARACTERS_PER_TOKEN


def inputs(content: VersionContent, given: QueryDict) -> Iterator[Input]:
    """The fields of a version, with what was typed in, else its defaults."""
    for name, schema in content.variables.items():
        key = _VARIABLE + name
        default = schema.get("default", "")
        kind = _kind(schema)
        text = default if isinstance(default, str) else json.dumps(default)
        yield Input(
            key,
            name,
            kind,
            given.get(key, "") if given else text,
            tuple(str(choice) for choice in schema.get("enum", ())),
            str(schema.get("description", "")),
            required="default" not in schema and kind != "boolean",
        )
    for name in placeholder_names(content):
        key = _PLACEHOLDER + name
        help_text = 'a JSON list of messages: [{"role": "user", "content": "…"}]'
        yield Input(key, name, "json", given.get(key, "[]") if given else "[]", (), help_text)


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema and all(isinstance(choice, str) for choice in schema["enum"]):
        return "choice"
    of = schema.get("type")
    if of == "string":
        return "long" if schema.get("maxLength", _LONG + 1) > _LONG else "text"
    return {"integer": "number", "number": "number", "boolean": "boolean"}.get(str(of), "json")


def rendered(row: PromptVersion, content: VersionContent, given: QueryDict) -> Preview:
    """What the version comes to with what was typed in. Raises AssayError kinds: values that are no
    JSON, or that the prompt refuses.
    """
    variables: dict[str, Any] = {}
    for name, schema in content.variables.items():
        text, kind = given.get(_VARIABLE + name, ""), _kind(schema)
        if kind == "boolean":
            variables[name] = bool(text)
        elif text or (kind in {"text", "long"} and "default" not in schema):
            variables[name] = text if kind in {"text", "long", "choice"} else _json(name, text)
    placeholders = {
        name: _json(name, given.get(_PLACEHOLDER + name) or "[]")
        for name in placeholder_names(content)
    }
    with slow.RENDERINGS.one():
        messages = preview(row, variables, placeholders)["messages"]
    whole = sum(len(message["content"]) for message in messages)
    return Preview(messages, whole, min(whole, prefix_score(content).before))


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidError(f"{name}: this is not JSON: {text[:60]!r}") from None
