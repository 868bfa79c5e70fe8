"""Between the ledger and the repository: what is written back, what was asked for, what waits."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import outbox, sync, writeback
from registry.api.authentication import actor_of
from registry.domain.actor import Actor, NotAllowedError, Scope
from registry.models import OutboxDelivery, TagRequest
from registry.writeback import WriteBackStatus


class WriteBackOut(serializers.Serializer[WriteBackStatus]):
    """How the write-back stands. `waiting` moves are not in the repository yet; the newest commit
    and its time are empty and null before the first one.
    """

    on = serializers.BooleanField(source="is_on")
    branch = serializers.CharField()
    waiting = serializers.IntegerField()
    waiting_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.SerializerMethodField()
    last_commit = serializers.CharField()
    last_at = serializers.DateTimeField(allow_null=True)

    def get_last_error(self, status: WriteBackStatus) -> str:
        """Why it waits. It may name the remote, so it is for those who see every prompt."""
        actor: Actor = self.context["actor"]
        if status.last_error and actor.prompts:
            return "only callers who are not limited to some prompts see why"
        return status.last_error


class WriteBackView(APIView):
    """GET write-back: moves of tags on their way into the repository."""

    scope = Scope.READ

    @extend_schema(responses=WriteBackOut)
    def get(self, request: Request) -> Response:
        """How the write-back stands."""
        context = {"actor": actor_of(request)}
        return Response(WriteBackOut(writeback.status(), context=context).data)


class TagRequestOut(serializers.ModelSerializer[TagRequest]):
    """A change of tags.yaml as a request. No `version`: the line was taken away. `code` and
    `message` say why it was refused.
    """

    class Meta:
        model = TagRequest
        fields = [
            *("prompt", "tag", "version", "model", "weight", "commit", "author"),
            *("commit_subject", "status", "code", "message", "created_at", "decided_at"),
        ]


class TagRequestsView(generics.ListAPIView[TagRequest]):
    """GET tag-requests: what merged changes of tags.yaml asked for, and what became of it."""

    scope = Scope.READ
    serializer_class = TagRequestOut
    queryset = TagRequest.objects.none()

    def get_queryset(self) -> QuerySet[TagRequest]:
        """About prompts the caller sees."""
        return sync.requests_about(actor_of(self.request))


class DeliveryOut(serializers.ModelSerializer[OutboxDelivery]):
    """A message that did not arrive. `dead_at`: it was given up then, and somebody has to look."""

    topic = serializers.CharField(source="message.topic")
    told_at = serializers.DateTimeField(source="message.created_at")

    class Meta:
        model = OutboxDelivery
        fields = [
            *("id", "channel", "topic", "subject", "told_at"),
            *("attempts", "next_at", "last_error", "dead_at"),
        ]


class DeliveriesView(generics.ListAPIView[OutboxDelivery]):
    """GET deliveries: messages to the outside that wait or were given up."""

    scope = Scope.READ
    serializer_class = DeliveryOut
    queryset = OutboxDelivery.objects.none()

    def get_queryset(self) -> QuerySet[OutboxDelivery]:
        """For callers who see every prompt. Raises NotAllowedError."""
        actor = actor_of(self.request)
        if actor.prompts:
            raise NotAllowedError(
                f"{actor.name} is limited to {', '.join(actor.prompts)}",
                hint="messages are about every prompt",
            )
        return outbox.undelivered()
