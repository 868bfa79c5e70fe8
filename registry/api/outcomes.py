"""What clients said of a prompt's answers."""

from __future__ import annotations

from dataclasses import asdict

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import outcomes, queries
from registry.api.authentication import actor_of
from registry.domain.actor import Scope


class OutcomesView(APIView):
    """GET prompts/{name}/outcomes: scores by version, arm and name."""

    scope = Scope.READ

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, name: str) -> Response:
        """How many there are, their mean, and its 95 % interval (null: one value, or words)."""
        actor_of(request).require(Scope.READ, name)
        found = outcomes.summaries(queries.prompt(name))
        results = [
            {**asdict(one), "interval": list(one.interval) if one.interval else None}
            for one in found
        ]
        return Response({"name": name, "results": results})
