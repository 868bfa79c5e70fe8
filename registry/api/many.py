"""Many lookups in one request: a batch of named prompts, and the bundle of all that are live."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from core.errors import AssayError
from registry import lookup, slow
from registry.api.authentication import actor_of
from registry.api.inputs import parsed
from registry.api.problems import body_of
from registry.api.serializers import BatchIn
from registry.domain.actor import Actor, Scope


class BatchView(APIView):
    """POST prompts:batch: up to 500 lookups, answered as of one moment."""

    scope = Scope.LOOKUP

    @extend_schema(request=BatchIn, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> HttpResponse:
        """Look many prompts up at once.

        `items` come back in the order of the questions, each with its `name`, `status` and `etag`
        and, at status 200, with `prompt`: what the single lookup answers. A status of 304 says that
        `if_none_match` holds. Any other status comes with `problem`, that of the single lookup; it
        spoils no other item. All items are as of `registry_revision`.
        """
        actor = actor_of(request)
        items = [_item(one) for one in parsed(BatchIn, request)["items"]]
        where = lookup.standing()
        shelf = lookup.shelf_for(items)
        where = where._replace(registry_revision=shelf.revision or where.registry_revision)
        return _sent(lookup.batch([_piece(shelf, one, actor) for one in items], where))


class BundleView(APIView):
    """GET bundle: what a tag answers, for every prompt the caller may see."""

    scope = Scope.LOOKUP

    @extend_schema(
        parameters=[
            OpenApiParameter("tag", str, description="`stable` when it is not given"),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304]),
        ],
        responses={200: OpenApiTypes.OBJECT, 304: None},
    )
    def get(self, request: Request) -> HttpResponse:
        """Everything an application needs to start without the registry.

        `prompts` are the answers of the single lookups, in the order of names; `digest` is the
        SHA-256 of `prompts` as compact JSON in UTF-8, members in the order in which they came.
        `registry_revision` is the greatest among them.
        """
        tag = request.query_params.get("tag") or lookup.STABLE
        with slow.BUNDLES.one():
            where = lookup.standing()
            made, revision = lookup.bundle(tag, actor_of(request))
            where = where._replace(registry_revision=revision or where.registry_revision)
            return _sent(made.reply(request.headers.get("If-None-Match", ""), where))


def _item(given: dict[str, Any]) -> lookup.Item:
    asked = given["version"] or given["tag"] or lookup.STABLE
    return lookup.Item(given["name"], asked, given["key"], given["if_none_match"])


def _piece(shelf: lookup.Shelf, item: lookup.Item, actor: Actor) -> bytes:
    try:
        actor.require(Scope.LOOKUP, item.name)
        return lookup.found(item, shelf.face(item))
    except AssayError as error:
        return lookup.refused(item, body_of(error))


def _sent(reply: lookup.Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
    if reply.status == 304:
        del response["Content-Type"]
    return response
