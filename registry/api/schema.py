"""The OpenAPI description of what every operation can answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from registry.api.authentication import scope_of

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; more members tell the facts of the case",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "hint": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "code"],
}


class ProblemSchema(AutoSchema):  # type: ignore[no-untyped-call,unused-ignore]
    """Adds the scope an operation needs and the problem+json answer to each of them."""

    def get_description(self) -> str:  # type: ignore[override]
        """The view's own words, and the scope it asks for."""
        scope = scope_of(self.view, self.method)
        tail = f"\n\nNeeds the scope `{scope.value}`." if scope else ""
        return str(super().get_description()) + tail

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """The operation with a `default` answer for everything that goes wrong."""
        operation = super().get_operation(*args, **kwargs)
        if operation:
            operation["responses"]["default"] = {
                "description": "What went wrong",
                "content": {"application/problem+json": {"schema": _PROBLEM}},
            }
        return operation


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call,unused-ignore]
    """Documents `TokenAuthentication`."""

    target_class = "registry.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "assay_…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call,unused-ignore]
    """Documents `SessionAuthentication`."""

    target_class = "registry.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        """The dashboard's cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
