"""Render one version for a person or a caller, in the jail."""

from __future__ import annotations

from typing import Any

from core.errors import InvalidError, RefusedError
from registry import rendering
from registry.domain.version import VersionContent
from registry.models import PromptVersion


class RenderInvalidError(InvalidError):
    """The variables do not fit the prompt."""

    code = "render_invalid"


class RenderStoppedError(RefusedError):
    """The template was stopped: it broke a limit or a rule of the sandbox."""

    code = "render_refused"


def preview(
    version: PromptVersion, variables: dict[str, Any], placeholders: dict[str, Any]
) -> dict[str, Any]:
    """`type`, `text` and `messages`. Raises RenderInvalidError, RenderStoppedError."""
    job = rendering.RenderJob(VersionContent.from_json(version.content), variables, placeholders)
    [result] = rendering.render_batch([job])
    if isinstance(result, rendering.RenderFailure):
        kind = RenderInvalidError if result.code == RenderInvalidError.code else RenderStoppedError
        raise kind(result.message, **result.fields)
    messages = [{"role": m.role, "content": m.content} for m in result.messages]
    return {"type": result.type, "text": result.text, "messages": messages}
