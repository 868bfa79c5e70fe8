"""Following the prompt repository by hand, and how it went."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import queries, sync
from registry.api import slow
from registry.api.authentication import actor_of
from registry.api.inputs import parsed
from registry.api.serializers import NothingIn
from registry.domain.actor import Scope
from registry.errors import NeverSyncedError
from registry.models import MirrorAlarm, StoredFinding


class FindingOut(serializers.Serializer[StoredFinding]):
    """One finding of a sync."""

    path = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    severity = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()


class AlarmOut(serializers.Serializer[MirrorAlarm]):
    """An alarm that rings."""

    kind = serializers.CharField()
    subject = serializers.CharField()
    message = serializers.CharField()
    raised_at = serializers.DateTimeField()


class SyncOut(serializers.Serializer[Any]):
    """How an attempt to follow the repository went."""

    status = serializers.CharField()
    commit = serializers.CharField()
    previous_commit = serializers.CharField()
    prompts = serializers.IntegerField()
    versions = serializers.IntegerField()
    new_versions = serializers.IntegerField()
    error = serializers.CharField()
    duration_ms = serializers.IntegerField()
    findings = FindingOut(many=True, source="findings.all")
    alarms = serializers.SerializerMethodField()

    def get_alarms(self, _sync: Any) -> list[dict[str, Any]]:
        """Alarms that ring now."""
        return [dict(AlarmOut(alarm).data) for alarm in queries.open_alarms()]


class SyncsView(APIView):
    """POST syncs: fetch and apply now."""

    scope = Scope.EVALUATE

    @extend_schema(request=NothingIn, responses=SyncOut)
    def post(self, request: Request) -> Response:
        """Sync and wait for the result."""
        parsed(NothingIn, request)
        actor_of(request).require(Scope.EVALUATE)
        with slow.SYNCS.one():
            done = sync.sync()
        return Response(SyncOut(done).data)


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
