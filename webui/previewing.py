"""A version rendered with what somebody typed in, and how much of it every call shares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from core.errors import InvalidError
from evals.token_counts import count_tokens
from registry import queries, slow
from registry.domain.lint.prefix_cache import prefix_of
from registry.domain.model_pin import ModelPin
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
    """The messages and their tokens: all of them, and those before the first variable, which every
    call shares and a server's prefix cache can keep. `counted` says how they were counted.
    """

    messages: Sequence[Mapping[str, str]]
    tokens: int
    shared_tokens: int
    counted: str
    is_estimate: bool

    @property
    def share(self) -> float:
        """The shared part, 0 to 1; of nothing everything is shared."""
        return self.shared_tokens / self.tokens if self.tokens else 1.0

    @property
    def bar(self) -> tuple[int, int]:
        """The shared part and the rest, in pixels of 640."""
        width = round(_BAR * self.share)
        return width, _BAR - width


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


def messages_of(
    row: PromptVersion, content: VersionContent, given: QueryDict
) -> Sequence[Mapping[str, str]]:
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
        messages: Sequence[Mapping[str, str]] = preview(row, variables, placeholders)["messages"]
    return messages


def rendered(row: PromptVersion, content: VersionContent, given: QueryDict) -> Preview:
    """The same with its tokens on the model that is chosen, else the prompt's own."""
    messages = messages_of(row, content, given)
    name = given.get("model") or row.prompt.default_model
    model = queries.models().filter(name=name).first()
    pin = ModelPin.from_json(model.pin) if model else None
    texts = [prefix_of(content).before, *(message["content"] for message in messages)]
    [counted] = count_tokens(pin, [texts])
    shared, *whole = counted.tokens
    tokens = sum(whole)
    return Preview(messages, tokens, min(shared, tokens), counted.how, counted.is_estimate)


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidError(f"{name}: this is not JSON: {text[:60]!r}") from None
