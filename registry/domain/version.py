"""A prompt version's content and its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

from core.digest import digest

PromptType = Literal["text", "chat"]
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class VersionContent:
    """Everything a version says; includes are part of it, so it needs no other file."""

    name: str
    number: int
    path: str
    type: PromptType = "text"
    description: str = ""
    #: Property schemas (JSON Schema 2020-12); a variable without `default` is required.
    variables: Mapping[str, Schema] = field(default_factory=dict)
    #: temperature, top_p, max_tokens, stop, seed, response_format.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: The Jinja2 body after the front matter, with LF line ends.
    source: str = ""
    #: The file's line on which `source` starts.
    first_line: int = 1
    #: "partials/tone/v1" -> body, of every partial that is included, directly or not.
    partials: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what a model could notice: not the name, number, path or description."""
        return digest(
            {
                "type": self.type,
                "variables": self.variables,
                "parameters": self.parameters,
                "source": self.source,
                "partials": self.partials,
            }
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field; its values are shared with this one."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> VersionContent:
        """What `to_json` wrote."""
        return cls(**value)
