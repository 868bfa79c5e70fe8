"""What an application gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assay.answers import RenderedPrompt, ServedModel, ServedPrompt
from assay.prompts.rendering import rendered

#: `network`: this call asked the registry. `memory`: an earlier one did. `disk`: another process
#: did, and the registry has not answered this one yet. `fallback`: nobody did.
Source = Literal["network", "memory", "disk", "fallback"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a prompt comes from, and how new it is.

    `registry_revision` is that of the registry when the answer was taken: for one prompt it never
    decreases within an `incarnation` of the registry's database, and the incarnation never does.
    `age_seconds` is the time since it was last known to be what is live. All are None for a
    fallback, and the incarnation for a registry that does not tell it.
    """

    source: Source
    registry_revision: int | None
    age_seconds: float | None
    incarnation: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt to call a model with. `served` is the registry's answer, field by field."""

    served: ServedPrompt
    provenance: Provenance

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self.served.name

    @property
    def version(self) -> int:
        """The version's number; 0 for a fallback."""
        return self.served.version

    @property
    def tag(self) -> str | None:
        """The tag that answered; None for a version asked for by number, and a fallback."""
        return self.served.tag

    @property
    def arm(self) -> str | None:
        """`stable` or `canary`; None where no arms are drawn."""
        return self.served.arm

    @property
    def type(self) -> str:
        """`text` or `chat`."""
        return self.served.type

    @property
    def template(self) -> str:
        """The Jinja2 source, with its partials in place."""
        return self.served.template

    @property
    def model(self) -> ServedModel | None:
        """The model it is for; None where the tag names none."""
        return self.served.model

    @property
    def parameters(self) -> Mapping[str, Any]:
        """For the model: temperature, max_tokens and so on."""
        return self.served.parameters

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know, a sentence each."""
        return self.served.warnings

    def render(
        self,
        placeholders: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
        /,
        **variables: Any,
    ) -> RenderedPrompt:
        """The prompt with its variables put in, by the registry's own code and within its limits.

        `placeholders` are lists of {"role", "content"}; variables are JSON values. Raises
        RenderError, whose `fields["errors"]` names each missing, unknown or mistyped variable by
        JSON Pointer, and RenderRefusedError for a template that breaks a limit.
        """
        is_fallback = self.provenance.source == "fallback"
        return rendered(self.served, variables, placeholders or {}, is_fallback=is_fallback)
