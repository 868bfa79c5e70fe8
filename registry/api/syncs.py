"""Following the prompt repository by hand, and how it went."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import queries, slow, sync
from registry.api.authentication import actor_of
from registry.api.inputs import parsed
from registry.api.serializers import NothingIn
from registry.domain.actor import Actor, NotAllowedError, Scope
from registry.errors import NeverSyncedError
from registry.models import MirrorAlarm, StoredFinding, SyncRun


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


class SyncOut(serializers.Serializer[SyncRun]):
    """How an attempt to follow the repository went, as far as the caller may know:
    one who is limited to some prompts learns what is wrong with those.
    """

    status = serializers.CharField()
    commit = serializers.CharField()
    previous_commit = serializers.CharField()
    prompts = serializers.IntegerField()
    versions = serializers.IntegerField()
    new_versions = serializers.IntegerField()
    error = serializers.SerializerMethodField()
    duration_ms = serializers.IntegerField()
    findings = serializers.SerializerMethodField()
    alarms = serializers.SerializerMethodField()

    def get_error(self, sync_run: SyncRun) -> str:
        """Why it failed. It may name the remote, so it is for those who see every prompt."""
        if sync_run.error and self._actor.prompts:
            return "only callers who are not limited to some prompts see why"
        return sync_run.error

    @extend_schema_field(FindingOut(many=True))
    def get_findings(self, sync_run: SyncRun) -> Any:
        """What is wrong with the repository."""
        seen: Any = [row for row in sync_run.findings.all() if _sees_file(self._actor, row.path)]
        return FindingOut(seen, many=True).data

    @extend_schema_field(AlarmOut(many=True))
    def get_alarms(self, _sync: SyncRun) -> Any:
        """Alarms that ring now."""
        seen: Any = [alarm for alarm in queries.open_alarms() if _sees_alarm(self._actor, alarm)]
        return AlarmOut(seen, many=True).data

    @property
    def _actor(self) -> Actor:
        actor: Actor = self.context["actor"]
        return actor


def _sees_file(actor: Actor, path: str) -> bool:
    """Files of no prompt, such as models.yaml, are for those who see every prompt."""
    root, _, rest = path.partition("/")
    name = rest.rpartition("/")[0]
    return not actor.prompts or (root == "prompts" and name != "" and actor.sees(name))


def _sees_alarm(actor: Actor, alarm: MirrorAlarm) -> bool:
    if alarm.kind == MirrorAlarm.Kind.PROMPT_REMOVED:
        return actor.sees(alarm.subject)
    if alarm.kind == MirrorAlarm.Kind.TAGS_DIFFER:
        return actor.sees(alarm.subject.rpartition(":")[0])
    return _sees_file(actor, alarm.subject)  # a version's file, or the repository as a whole


class SyncsView(APIView):
    """POST syncs: fetch and apply now."""

    scope = Scope.EVALUATE

    @extend_schema(request=NothingIn, responses=SyncOut)
    def post(self, request: Request) -> Response:
        """Sync and wait for the result. Not for callers who are limited to some prompts."""
        actor = actor_of(request)
        if actor.prompts:
            raise NotAllowedError(
                f"{actor.name} is limited to {', '.join(actor.prompts)}",
                hint="a sync is about every prompt",
            )
        parsed(NothingIn, request)
        with slow.SYNCS.one():
            done = sync.sync()
        return Response(SyncOut(done, context={"actor": actor}).data)


class LastSyncView(APIView):
    """GET syncs/last: the last attempt, with the findings about prompts the caller sees."""

    scope = Scope.READ

    @extend_schema(responses=SyncOut)
    def get(self, request: Request) -> Response:
        """The last sync."""
        last = queries.last_sync()
        if last is None:
            raise NeverSyncedError
        return Response(SyncOut(last, context={"actor": actor_of(request)}).data)
