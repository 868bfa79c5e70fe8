"""Cases in quarantine: begin one, lift one, see what there is."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from evals import quarantine
from evals.models import QuarantinedCase
from registry import queries
from registry.api.authentication import actor_of
from registry.api.idempotency import idempotent
from registry.api.inputs import StrictSerializer, flag_parameter, parsed
from registry.domain.actor import Scope

_IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)


class QuarantineIn(StrictSerializer):
    """Body of putting a case into quarantine."""

    suite = serializers.CharField(max_length=200)
    case = serializers.CharField(max_length=200)
    owner = serializers.CharField(max_length=200, help_text="who sees to it that it is mended")
    reason = serializers.CharField(max_length=2000)
    expires_at = serializers.DateTimeField(help_text="within 30 days")


class QuarantineEndIn(StrictSerializer):
    """Body of lifting a quarantine."""

    suite = serializers.CharField(max_length=200)
    case = serializers.CharField(max_length=200)


class QuarantineOut(serializers.ModelSerializer[QuarantinedCase]):
    """One quarantine."""

    active = serializers.SerializerMethodField()

    class Meta:
        model = QuarantinedCase
        fields = (
            "suite",
            "case",
            "owner",
            "reason",
            "created_by",
            "created_at",
            "expires_at",
            "lifted_by",
            "lifted_at",
            "active",
        )
        read_only_fields = fields

    def get_active(self, row: QuarantinedCase) -> bool:
        """Whether it counts now."""
        return row.lifted_at is None and row.expires_at > timezone.now()


class QuarantineView(ListAPIView[Any]):
    """GET prompts/{name}/quarantine: cases in quarantine. POST: begin one. DELETE: lift one."""

    scope = {"GET": Scope.READ, "POST": Scope.PROMOTE, "DELETE": Scope.PROMOTE}
    serializer_class = QuarantineOut

    def get_queryset(self) -> Any:
        """What is in quarantine now; with `?ended=true` also what was."""
        name = self.kwargs["name"]
        actor_of(self.request).require(Scope.READ, name)
        prompt = queries.prompt(name)
        if flag_parameter(self.request, "ended"):
            return quarantine.ever(prompt)
        return quarantine.in_force(prompt, timezone.now())

    @extend_schema(
        parameters=[OpenApiParameter("ended", bool, description="also those that are over")]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page of quarantines, the newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=QuarantineIn, parameters=[_IDEMPOTENCY_KEY], responses={201: QuarantineOut}
    )
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        """Put a case into quarantine: it makes no run look better, and every verdict names it."""
        body = parsed(QuarantineIn, request)
        row = quarantine.quarantine_case(
            prompt=name, actor=actor_of(request), now=timezone.now(), **body
        )
        return Response(QuarantineOut(row).data, status=201)

    @extend_schema(request=QuarantineEndIn, parameters=[_IDEMPOTENCY_KEY], responses=QuarantineOut)
    @idempotent
    def delete(self, request: Request, name: str) -> Response:
        """Lift a quarantine before its time."""
        body = parsed(QuarantineEndIn, request)
        row = quarantine.lift_quarantine(
            prompt=name, actor=actor_of(request), now=timezone.now(), **body
        )
        return Response(QuarantineOut(row).data)
