"""GET /beta/litellm_prompt_management?prompt_id=greeting@v3."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidError
from registry import lookup
from registry.dialects.view import DialectView, Wrong, actor_of
from registry.domain.actor import Scope
from registry.domain.names import version_number
from registry.domain.single_braces import NotSingleBracesError, single_braces
from registry.domain.standalone import NotStandaloneError
from registry.models import PromptVersion


class NotPinnedError(InvalidError):
    """LiteLLM keeps the answer until its proxy restarts, so a tag would never move there."""

    code = "not_pinned"
    hint = (
        "ask for a version, as in prompt_id=greeting@v3; to follow a tag use the callback "
        "assay.integrations.litellm, or LiteLLM's langfuse/ models"
    )


class PromptView(DialectView):
    """Errors are `{"error": {"message", "code"}}`; LiteLLM's own callers only learn the status."""

    def shaped(self, wrong: Wrong) -> dict[str, Any]:
        """As LiteLLM's own errors look."""
        return {"error": {"message": wrong.message, "code": wrong.code}}

    def get(self, request: Request) -> Response:
        """A version as messages with `{variables}`, and its parameters."""
        asked = _only(request, "prompt_id")
        name, _, version = asked.rpartition("@")
        actor_of(request).require(Scope.LOOKUP, name or asked)
        number = version_number(version) if name else None
        if number is None:
            raise NotPinnedError(f"prompt_id={asked[:200]!r} names no version")
        found = lookup.by_version(name, number).version
        return Response(
            {
                "prompt_id": asked,
                "prompt_template": _messages(found),
                "prompt_template_optional_params": found.content["parameters"],
            }
        )


def _messages(version: PromptVersion) -> list[dict[str, str]]:
    content = version.content
    try:
        made = single_braces(content["type"], version.template, content["variables"])
    except (NotSingleBracesError, NotStandaloneError) as error:
        error.message = f"{version} cannot be filled in by LiteLLM: {error.message}"
        raise
    return [{"role": one.role, "content": one.content} for one in made]


def _only(request: Request, name: str) -> str:
    """The one thing the query may say: a label or version beside it would not be obeyed."""
    others = sorted(set(request.query_params) - {name})
    text: str = request.query_params.get(name, "")
    if others or not text:
        raise InvalidError(
            f"the query is {name}= and nothing else"
            + (f", not {others[0][:60]}=" if others else "")
        )
    return text
