"""Moving tags: promotions, rollbacks, canaries, overrides, releases."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidError
from registry import promotion
from registry.api.authentication import actor_of
from registry.api.idempotency import idempotent
from registry.api.inputs import StrictSerializer, parsed
from registry.api.serializers import (
    CanaryClearIn,
    CanaryIn,
    MoveOut,
    OverrideIn,
    PromotionIn,
    ReleaseIn,
    RollbackIn,
)
from registry.domain.actor import Scope

_HEADERS = [
    OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),
    OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description='`"<revision>"`'),
]


_View = TypeVar("_View", bound=Callable[..., Response])


def _documented(body: type[StrictSerializer]) -> Callable[[_View], _View]:
    documented: Callable[[_View], _View] = extend_schema(
        request=body, parameters=_HEADERS, responses={201: OpenApiTypes.OBJECT}
    )
    return documented


def _expected(request: Request, body: dict[str, Any]) -> int | None:
    """The revision the caller has seen, from the body or from If-Match. Raises InvalidError."""
    header = request.headers.get("If-Match", "")
    stated: int | None = body.get("expected_revision")
    if not header or header == "*":
        return stated
    # A lookup's ETag has the tag's revision in front of its own part.
    found = re.fullmatch(r'"?(\d{1,9})(?:-[0-9a-f]{16})?"?', header)
    if found is None:
        raise InvalidError(f'If-Match {header} is not a revision; send If-Match: "3"')
    if stated is not None and stated != int(found[1]):
        raise InvalidError("If-Match and expected_revision disagree")
    return int(found[1])


def _target(request: Request, name: str, body: dict[str, Any]) -> promotion.Target:
    return promotion.Target(
        prompt=name,
        tag=body["tag"],
        version=body["version"],
        model=body["model"],
        weight=body["weight"],
        expected_revision=_expected(request, body),
    )


def _moved(move: promotion.TagMove, status: int = 201) -> Response:
    headers = {"ETag": f'"{move.event.sequence}"'}
    return Response(MoveOut(move).data, status=status, headers=headers)


class PromotionsView(APIView):
    """POST prompts/{name}/promotions: move a tag to a version that passed its gate."""

    scope = Scope.PROMOTE

    @_documented(PromotionIn)
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        """Promote."""
        body = parsed(PromotionIn, request)
        move = promotion.promote(
            target=_target(request, name, body), actor=actor_of(request), reason=body["reason"]
        )
        return _moved(move)


class RollbacksView(APIView):
    """POST prompts/{name}/rollbacks: restore what was live before."""

    scope = Scope.PROMOTE

    @_documented(RollbackIn)
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        """Roll back."""
        body = parsed(RollbackIn, request)
        move = promotion.rollback(
            prompt=name,
            tag=body["tag"],
            actor=actor_of(request),
            to_version=body["to_version"],
            reason=body["reason"],
            expected_revision=_expected(request, body),
        )
        return _moved(move)


class CanaryView(APIView):
    """POST and DELETE prompts/{name}/canary: set the canary, end it."""

    scope = Scope.PROMOTE

    @_documented(CanaryIn)
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        """Send a share of keyed traffic to a version certified for `canary`."""
        body = parsed(CanaryIn, request)
        move = promotion.set_canary(
            prompt=name,
            version=body["version"],
            weight=body["weight"],
            actor=actor_of(request),
            model=body["model"],
            reason=body["reason"],
            expected_revision=_expected(request, body),
        )
        return _moved(move)

    @extend_schema(request=CanaryClearIn, parameters=_HEADERS, responses=OpenApiTypes.OBJECT)
    @idempotent
    def delete(self, request: Request, name: str) -> Response:
        """End the canary."""
        body = parsed(CanaryClearIn, request)
        move = promotion.clear_canary(
            prompt=name,
            actor=actor_of(request),
            reason=body["reason"],
            expected_revision=_expected(request, body),
        )
        return _moved(move, status=200)


class OverridesView(APIView):
    """POST prompts/{name}/overrides: break the glass; admins only, with a reason."""

    scope = Scope.ADMIN

    @_documented(OverrideIn)
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        """Override the gate."""
        body = parsed(OverrideIn, request)
        move = promotion.override(
            target=_target(request, name, body), actor=actor_of(request), reason=body["reason"]
        )
        return _moved(move)


class ReleasesView(APIView):
    """POST releases: promote several tags, all or none."""

    scope = Scope.PROMOTE

    @_documented(ReleaseIn)
    @idempotent
    def post(self, request: Request) -> Response:
        """Release."""
        body = parsed(ReleaseIn, request)
        targets = [promotion.Target(**target) for target in body["targets"]]
        moves = promotion.release(targets=targets, actor=actor_of(request), reason=body["reason"])
        answer = {
            "release": moves[0].event.release_id,
            "moves": [MoveOut(move).data for move in moves],
        }
        return Response(answer, status=201)
