"""Render a version on this machine, in the same jail the server uses."""

from __future__ import annotations

from typing import Any

from assay.answers import ChatMessage, RenderedPrompt
from core.errors import InvalidError, RefusedError
from registry.domain.version import VersionContent
from registry.rendering import RenderFailure, RenderJob, render_batch


class RenderInvalidError(InvalidError):
    """The variables do not fit the prompt."""

    code = "render_invalid"


class RenderStoppedError(RefusedError):
    """The template was stopped: it broke a limit or a rule of the sandbox."""

    code = "render_refused"


def render_locally(
    content: VersionContent, variables: dict[str, Any], placeholders: dict[str, Any]
) -> RenderedPrompt:
    """The version with its variables put in. Raises RenderInvalidError, RenderStoppedError."""
    [result] = render_batch([RenderJob(content, variables, placeholders)])
    if isinstance(result, RenderFailure):
        errors = result.fields.get("errors", [])
        kind = RenderInvalidError if errors else RenderStoppedError
        details = "; ".join(f"{error['pointer']} {error['message']}" for error in errors[:5])
        message = f"{result.message}: {details}" if details else result.message
        raise kind(message, **result.fields)
    messages = tuple(ChatMessage(m.role, m.content) for m in result.messages)
    return RenderedPrompt(content.name, content.number, result.type, result.text, messages)
