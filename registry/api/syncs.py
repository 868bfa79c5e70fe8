"""Following the prompt repository by hand, and how it went."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import queries, sync
from registry.api.authentication import actor_of
from registry.api.inputs import parsed
from registry.api.serializers import NothingIn, SyncOut
from registry.domain.actor import Scope
from registry.errors import NeverSyncedError


class SyncsView(APIView):
    """POST syncs: fetch and apply now."""

    scope = Scope.EVALUATE

    @extend_schema(request=NothingIn, responses=SyncOut)
    def post(self, request: Request) -> Response:
        """Sync and wait for the result."""
        parsed(NothingIn, request)
        actor_of(request).require(Scope.EVALUATE)
        return Response(SyncOut(sync.sync()).data)


class LastSyncView(APIView):
    """GET syncs/last: the last attempt, with its findings."""

    scope = Scope.READ

    @extend_schema(responses=SyncOut)
    def get(self, _request: Request) -> Response:
        """The last sync."""
        last = queries.last_sync()
        if last is None:
            raise NeverSyncedError
        return Response(SyncOut(last).data)
