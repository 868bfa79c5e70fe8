"""Pinned models: what models.yaml says, and what their servers say and serve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import probing, queries
from registry.api.authentication import actor_of
from registry.domain.actor import Actor, Scope
from registry.domain.model_pin import ModelPin
from registry.models import ModelAlarm, ModelProbe, ModelVersion

#: Looks that a model's own page shows.
_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A pin with what is known of its server."""

    row: ModelVersion
    probe: ModelProbe | None
    comparison: ModelProbe | None
    alarm: ModelAlarm | None


class ProbeOut(serializers.Serializer[ModelProbe]):
    """One look at a model's server. Empty and null: the server does not say.

    `differences` are sentences, one for each thing that is otherwise than pinned; `fingerprint` is
    what a measurement said in this look, `distance` how far it was from the known one (nats, or
    the share of other first words in mode text).
    """

    at = serializers.DateTimeField()
    reachable = serializers.BooleanField(source="is_reachable")
    healthy = serializers.BooleanField(source="is_healthy")
    served_ids = serializers.ListField(child=serializers.CharField(), source="served.ids")
    engine = serializers.CharField(source="served.engine")
    version = serializers.CharField(source="served.version")
    max_context = serializers.SerializerMethodField()
    slots = serializers.SerializerMethodField()
    extras = serializers.ListField(child=serializers.CharField(), source="served.extras")
    differences = serializers.ListField(child=serializers.CharField())
    error = serializers.CharField()
    fingerprint = serializers.ChoiceField(choices=[state.value for state in ModelProbe.State])
    distance = serializers.FloatField(allow_null=True)

    def get_max_context(self, probe: ModelProbe) -> int | None:
        """Tokens."""
        return probe.served.get("max_context") or None

    def get_slots(self, probe: ModelProbe) -> int | None:
        """How many requests the server works on at once."""
        return probe.served.get("slots") or None


class DriftOut(serializers.Serializer[ModelAlarm]):
    """A model serves something else than what was certified on it."""

    since = serializers.DateTimeField(source="raised_at")
    message = serializers.CharField()


class ModelOut(serializers.Serializer[Seen]):
    """A model pin as it is now, and the last look at its server."""

    name = serializers.CharField(source="row.name")
    served_id = serializers.CharField(source="row.pin.served_id")
    revision = serializers.CharField(source="row.pin.revision")
    tokenizer_revision = serializers.CharField(source="row.pin.tokenizer_revision")
    pinned = serializers.SerializerMethodField()
    engine = serializers.CharField(source="row.pin.engine")
    engine_version = serializers.CharField(source="row.pin.engine_version")
    dtype = serializers.CharField(source="row.pin.dtype")
    quantization = serializers.CharField(source="row.pin.quantization")
    max_context = serializers.SerializerMethodField()
    tensor_parallel = serializers.IntegerField(source="row.pin.tensor_parallel")
    concurrency = serializers.IntegerField(source="row.pin.concurrency")
    fingerprint = serializers.SerializerMethodField()
    fingerprint_at = serializers.DateTimeField(source="row.fingerprint_at", allow_null=True)
    fingerprint_mode = serializers.SerializerMethodField()
    fingerprint_state = serializers.SerializerMethodField()
    base_url = serializers.SerializerMethodField()
    probe = serializers.SerializerMethodField()
    drift = serializers.SerializerMethodField()

    def get_pinned(self, seen: Seen) -> bool:
        """Whether weights and tokenizer are named by revisions that do not move."""
        return ModelPin.from_json(seen.row.pin).pinned

    def get_max_context(self, seen: Seen) -> int | None:
        """Tokens; null when models.yaml does not say."""
        return seen.row.pin.get("max_context") or None

    def get_fingerprint(self, seen: Seen) -> str | None:
        """What the endpoint was last measured to serve; null when it never was."""
        return seen.row.fingerprint or None

    def get_fingerprint_mode(self, seen: Seen) -> str | None:
        """How it was measured: `logprobs/3`, or the weaker `text/3`; null when it never was."""
        return seen.row.fingerprint_mode or None

    def get_fingerprint_state(self, seen: Seen) -> str | None:
        """What the last look that measured it said; null when no look did."""
        return seen.comparison.fingerprint if seen.comparison else None

    def get_base_url(self, seen: Seen) -> str | None:
        """Null when it is configured on the server, or nowhere, or for callers who may neither
        evaluate nor administer, or are limited to some prompts.
        """
        return (seen.row.pin.get("base_url") or None) if self._knows_addresses() else None

    @extend_schema_field(ProbeOut(allow_null=True))
    def get_probe(self, seen: Seen) -> Any:
        """The last look at its server; null when nobody looked, or for callers who are limited to
        some prompts. A server's own error is for those who may see addresses.
        """
        return self._shown(seen.probe) if seen.probe else None

    @extend_schema_field(DriftOut(allow_null=True))
    def get_drift(self, seen: Seen) -> Any:
        """Null while it serves what was certified on it."""
        return DriftOut(seen.alarm).data if seen.alarm else None

    def _shown(self, probe: ModelProbe) -> dict[str, Any] | None:
        if self._actor.prompts:
            return None
        shown: dict[str, Any] = ProbeOut(probe).data
        return shown if self._knows_addresses() else {**shown, "error": ""}

    def _knows_addresses(self) -> bool:
        may = self._actor.may(Scope.EVALUATE) or self._actor.may(Scope.ADMIN)
        return may and not self._actor.prompts

    @property
    def _actor(self) -> Actor:
        actor: Actor = self.context["actor"]
        return actor


class ModelDetailOut(ModelOut):
    """The same, with the newest looks at its server."""

    probes = serializers.SerializerMethodField()

    @extend_schema_field(ProbeOut(many=True))
    def get_probes(self, seen: Seen) -> Any:
        """Newest first; at most 20."""
        shown = [self._shown(probe) for probe in probing.probes(seen.row, _LOOKS)]
        return [probe for probe in shown if probe is not None]


def _seen(rows: Iterable[ModelVersion]) -> list[Seen]:
    models = list(rows)
    ids = [row.pk for row in models]
    probes, comparisons = probing.newest_probes(ids), probing.last_comparisons(ids)
    alarms = {alarm.model_id: alarm for alarm in queries.model_alarms()}
    return [
        Seen(row, probes.get(row.pk), comparisons.get(row.pk), alarms.get(row.pk)) for row in models
    ]


class ModelsView(APIView):
    """GET models: the pins of models.yaml as they are now."""

    scope = Scope.READ

    @extend_schema(responses=ModelOut(many=True))
    def get(self, request: Request) -> Response:
        """Every current pin."""
        context = {"actor": actor_of(request)}
        seen: Any = _seen(queries.models())
        shown = ModelOut(seen, many=True, context=context)
        return Response({"results": shown.data})


class ModelView(APIView):
    """GET models/{model}: one pin, and the newest looks at its server."""

    scope = Scope.READ

    @extend_schema(responses=ModelDetailOut)
    def get(self, request: Request, model: str) -> Response:
        """One current pin."""
        [seen] = _seen([queries.current_model(model)])
        return Response(ModelDetailOut(seen, context={"actor": actor_of(request)}).data)
