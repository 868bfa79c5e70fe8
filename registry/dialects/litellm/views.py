"""GET /beta/litellm_prompt_management?prompt_id=greeting@v3."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from registry import lookup
from registry.dialects.litellm import pinned
from registry.dialects.view import DialectView, Wrong, actor_of
from registry.domain.actor import Scope


class PromptView(DialectView):
    """Errors are `{"error": {"message", "code"}}`; LiteLLM's own callers only learn the status."""

    def shaped(self, wrong: Wrong) -> dict[str, Any]:
        """As LiteLLM's own errors look."""
        return {"error": {"message": wrong.message, "code": wrong.code}}

    def get(self, request: Request) -> Response:
        """A version as messages with `{variables}`, and its parameters."""
        asked = pinned.only(request.query_params.dict(), "prompt_id")
        name, _, _ = asked.rpartition("@")
        actor_of(request).require(Scope.LOOKUP, name or asked)
        name, number = pinned.pinned(asked)
        text = lookup.text(lookup.entry(name), number)
        return Response(pinned.body(asked, text))
