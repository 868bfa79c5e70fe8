"""A version with nothing in it but text and variables: what clients without Jinja2 can fill in.

Constants, fixed conditions and loops over literals are worked out here; whatever hangs on a value
that only the caller knows, and is more than printing it, is refused with its line. No template is
compiled or run for this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.domain.template.errors import PlainTextError
from registry.domain.template.folding import Folder
from registry.domain.template.slots import Parts, Placeholder, Slot, Turn
from registry.domain.version import PromptType, Schema, VersionContent

__all__ = ["Parts", "Placeholder", "Plain", "PlainTextError", "Slot", "Turn", "plain"]

#: Types whose values every client's substitution prints as Jinja2 does. `1.0`, `true` and lists
#: come out differently in JavaScript, null differently in Python.
_PRINTED_ALIKE = frozenset({"string", "integer"})


@dataclass(frozen=True, slots=True)
class Plain:
    """A text (of a text prompt), or turns with placeholders between them (of a chat prompt)."""

    type: PromptType
    text: Parts = ()
    turns: tuple[Turn | Placeholder, ...] = ()


def plain(
    kind: PromptType,
    source: str,
    variables: Mapping[str, Schema],
    partials: Mapping[str, str],
) -> Plain:
    """`source` as text with slots: with each slot's value put in, it is what rendering gives.

    Expects a version that was parsed without findings. Raises PlainTextError naming the first
    thing that substitution cannot express, and where it stands.
    """
    unprintable = {name: why for name, schema in variables.items() if (why := _objection(schema))}
    folder = Folder(partials, frozenset(variables), unprintable)
    folder.fold(source)
    if kind == "chat":
        return Plain("chat", turns=tuple(folder.turns))
    return Plain("text", text=folder.text.parts)


def explained(content: VersionContent) -> PlainTextError | None:
    """Why a version cannot be plain, with file and line; None when it can."""
    try:
        plain(content.type, content.source, content.variables, content.partials)
    except PlainTextError as error:
        return error.located(content.path, content.first_line)
    return None


def _objection(schema: Schema) -> str:
    """Why substitution would print a variable wrongly; empty when it would not."""
    if "default" in schema:
        return "has a default, which only rendering fills in"
    types = schema.get("type", ())
    named = {types} if isinstance(types, str) else set(types)
    listed = [schema["const"]] if "const" in schema else schema.get("enum", [])
    strange = sorted(named - _PRINTED_ALIKE) or sorted(
        {type(value).__name__ for value in listed if not _is_printed_alike(value)}
    )
    return f"may be of type {strange[0]}, which clients print in different ways" if strange else ""


def _is_printed_alike(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
