"""Judges: which there are, how far they are trusted, and having one measured."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evals import judges
from evals.judges import Listed
from evals.models import JudgeTrial
from registry.api.authentication import actor_of
from registry.api.idempotency import idempotent
from registry.api.inputs import StrictSerializer, parsed
from registry.domain.actor import Scope

_IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)


class CalibrationIn(StrictSerializer):
    """Body of having a judge measured against what people have labelled."""

    suite = serializers.CharField(max_length=200)
    judge = serializers.CharField(max_length=100)
    fresh = serializers.BooleanField(
        default=False, help_text="measure again what was measured already"
    )


class RateOut(serializers.Serializer[Any]):
    """A share of `count` labelled answers, with its 95 % interval; null when there were none."""

    value = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField()
    interval = serializers.ListField(child=serializers.FloatField())


class KappaOut(serializers.Serializer[Any]):
    """Cohen's kappa: 1 is perfect agreement, 0 what guessing with the same habits would give."""

    value = serializers.FloatField()
    interval = serializers.ListField(child=serializers.FloatField())


class FiguresOut(serializers.Serializer[Any]):
    """A judge against people. `tpr`: of what people pass, the share it passes; `tnr`: of what they
    fail, the share it fails. `errors`: answers it gave no verdict on; they count against it.
    """

    labels = serializers.IntegerField(source="n")
    errors = serializers.IntegerField()  # type: ignore[assignment] # a field, not the property
    accuracy = RateOut()
    tpr = RateOut()
    tnr = RateOut()
    kappa = KappaOut()
    confusion = serializers.ListField(
        child=serializers.ListField(),
        help_text="[a person's word, the judge's word, how often]",
    )


class TrialOut(serializers.Serializer[JudgeTrial]):
    """A judge put to the test. `figures` and `trusted` are null until a calibration is finished."""

    trial = serializers.UUIDField(source="id")
    kind = serializers.ChoiceField(choices=[kind.value for kind in JudgeTrial.Kind])
    status = serializers.ChoiceField(choices=[status.value for status in JudgeTrial.Status])
    suite = serializers.CharField()
    judge = serializers.SerializerMethodField()
    rubric = serializers.CharField(source="spec.rubric.name")
    mode = serializers.CharField(source="spec.rubric.mode")
    model = serializers.CharField(source="model.name")
    figures = serializers.SerializerMethodField()
    trusted = serializers.SerializerMethodField(
        help_text="whether it counts under a policy that says nothing about judges"
    )
    sentence = serializers.SerializerMethodField()
    error = serializers.CharField(help_text="why it broke; it then says nothing about the judge")
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_judge(self, trial: JudgeTrial) -> str:
        """What the suite calls it."""
        return trial.name.rpartition("/")[2]

    @extend_schema_field(FiguresOut(allow_null=True))
    def get_figures(self, trial: JudgeTrial) -> Any:
        """Accuracy and agreement with people."""
        return FiguresOut(trial.outcome).data if "kappa" in trial.outcome else None

    def get_trusted(self, trial: JudgeTrial) -> bool | None:
        """Null for what measured nothing."""
        found = judges.trust_in(trial)
        return found and found.is_trusted

    def get_sentence(self, trial: JudgeTrial) -> str:
        """Why it is trusted, or not, for people."""
        found = judges.trust_in(trial)
        return found.sentence if found else ""


class JudgeOut(serializers.Serializer[Listed]):
    """A judge of a suite. One that is not trusted is advisory: shown, and without a say. One that
    is blocked must not judge at all: runs of its suite end in ERROR.
    """

    suite = serializers.CharField()
    judge = serializers.CharField(source="name")
    rubric = serializers.CharField(source="judge.rubric.name")
    mode = serializers.CharField(source="judge.mode")
    model = serializers.CharField(source="judge.model.name")
    samples = serializers.IntegerField(source="judge.samples")
    labelled = serializers.BooleanField(
        source="judge.calibration", help_text="whether there are human labels to measure it by"
    )
    figures = serializers.SerializerMethodField()
    measured_at = serializers.DateTimeField(
        source="calibration.finished_at", default=None, allow_null=True
    )
    trusted = serializers.BooleanField(
        source="trust.is_trusted",
        help_text="whether it counts under a policy that says nothing about judges",
    )
    sentence = serializers.CharField(source="trust.sentence")
    tried = serializers.SerializerMethodField(help_text="whether canaries were put to it yet")
    blocked = serializers.ListField(
        child=serializers.CharField(), help_text="the canaries that fooled it"
    )

    @extend_schema_field(FiguresOut(allow_null=True))
    def get_figures(self, listed: Listed) -> Any:
        """Of the newest calibration; null when nobody has measured it by its labels."""
        return FiguresOut(listed.calibration.outcome).data if listed.calibration else None

    def get_tried(self, listed: Listed) -> bool:
        """The first run of its suite does it."""
        return listed.canaries is not None


class JudgesView(APIView):
    """GET judges: the judges of the suites as they are now."""

    scope = Scope.READ

    @extend_schema(responses=JudgeOut(many=True))
    def get(self, request: Request) -> Response:
        """Those of suites within the caller's globs."""
        found: Any = judges.listed(actor_of(request))
        return Response({"results": JudgeOut(found, many=True).data})


class CalibrationsView(APIView):
    """POST judges/calibrations: measure a judge against what people have labelled."""

    scope = Scope.EVALUATE

    @extend_schema(request=CalibrationIn, parameters=[_IDEMPOTENCY_KEY], responses={202: TrialOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Start it; watch it under judges/trials/{trial}."""
        body = parsed(CalibrationIn, request)
        trial = judges.start_calibration(
            suite=body["suite"],
            judge=body["judge"],
            fresh=body["fresh"],
            actor=actor_of(request),
            now=timezone.now(),
        )
        return Response(TrialOut(judges.trial(trial.pk)).data, status=202)


class TrialView(APIView):
    """GET judges/trials/{trial}: how a judge did."""

    scope = Scope.READ

    @extend_schema(responses=TrialOut)
    def get(self, request: Request, trial: UUID) -> Response:
        """One trial."""
        return Response(TrialOut(judges.trial_for(actor_of(request), trial)).data)
