"""Having a model's server looked at now."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evals import probing
from registry import queries
from registry.api.authentication import actor_of
from registry.api.idempotency import idempotent
from registry.api.inputs import StrictSerializer, parsed
from registry.domain.actor import Scope

_IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)


class ProbeIn(StrictSerializer):
    """Body of having a model's server looked at."""

    fingerprint = serializers.BooleanField(
        default=False, help_text="also measure what it serves, which takes some seconds"
    )


class ProbeAskedOut(serializers.Serializer[Any]):
    """A look is on its way: it is the first one of the model at or after `asked_at`."""

    model = serializers.CharField()
    asked_at = serializers.DateTimeField()


class ProbesView(APIView):
    """POST models/{model}/probes: look at a model's server now."""

    scope = Scope.EVALUATE

    @extend_schema(request=ProbeIn, parameters=[_IDEMPOTENCY_KEY], responses={202: ProbeAskedOut})
    @idempotent
    def post(self, request: Request, model: str) -> Response:
        """A worker looks soon; see `probe` under models/{model}."""
        actor_of(request)
        wants = parsed(ProbeIn, request)
        found = queries.current_model(model)
        asked_at = probing.ask_for_probe(found, with_fingerprint=wants["fingerprint"])
        answer: Any = {"model": found.name, "asked_at": asked_at}
        return Response(ProbeAskedOut(answer).data, status=202)
