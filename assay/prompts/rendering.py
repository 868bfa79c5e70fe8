"""Render a served prompt in this process, by the domain code the registry renders with.

The registry does it in a child process, because anybody may have written the template. What it
serves has passed its checks, and the sandbox and the meter are part of the code used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from assay.answers import ChatMessage, RenderedPrompt, ServedPrompt


def rendered(
    served: ServedPrompt,
    variables: Mapping[str, Any],
    placeholders: Mapping[str, Sequence[Mapping[str, str]]],
    *,
    is_fallback: bool = False,
) -> RenderedPrompt:
    """The prompt with its variables in. Raises RenderError, RenderRefusedError.

    A fallback declares no variables: it takes what it is given, and what it does not use.
    """
    # Jinja2 and the schemas take a fifth of a second to import: only who renders waits for them.
    from registry.domain.template.render import render
    from registry.domain.version import VersionContent

    content = VersionContent(
        served.name,
        served.version,
        "",
        type=cast("Literal['text', 'chat']", served.type),
        variables={name: {} for name in variables} if is_fallback else served.variables,
        source=served.template,
    )
    made = render(content, variables, placeholders)
    messages = tuple(ChatMessage(one.role, one.content) for one in made.messages)
    return RenderedPrompt(served.name, served.version, made.type, made.text, messages)
