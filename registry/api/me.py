"""Who the server thinks is calling."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.api.authentication import IsKnown, actor_of
from registry.domain.actor import Scope


class MeView(APIView):
    """GET me: name, scopes and globs of the caller."""

    permission_classes = (IsKnown,)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """The calling actor."""
        actor = actor_of(request)
        scopes = [scope.value for scope in Scope if scope in actor.scopes]
        return Response({"name": actor.name, "scopes": scopes, "prompts": list(actor.prompts)})
