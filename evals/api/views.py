"""Runs: start, watch, read, cancel, resume."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evals import queries, runs, subjects
from evals.api.serializers import (
    EmptyIn,
    ForecastOut,
    PlanIn,
    ResultOut,
    RunIn,
    RunOut,
    SelfComparisonIn,
)
from evals.models import CaseResult
from evals.plan import json_of
from registry.api.authentication import actor_of
from registry.api.idempotency import idempotent
from registry.api.inputs import flag_parameter, parsed
from registry.api.pagination import CursorPage
from registry.api.prompts import version_parameter
from registry.domain.actor import Scope

_IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)


class RunPage(CursorPage):
    """Newest first; ids are random, so the time orders."""

    ordering = "-created_at"


class ResultPage(CursorPage):
    """In the order in which the answers came."""

    ordering = "id"


@extend_schema(
    methods=["GET"],
    parameters=[
        OpenApiParameter("prompt", str, description="only runs of this prompt"),
        OpenApiParameter("version", int, description="only runs of this version"),
    ],
)
class RunsView(ListAPIView[Any]):
    """GET runs: runs within the caller's globs. POST runs: start one."""

    scope = {"GET": Scope.READ, "POST": Scope.EVALUATE}
    serializer_class = RunOut
    pagination_class = RunPage

    def get_queryset(self) -> Any:
        """Runs, of one prompt and version if they are named."""
        return queries.visible_runs(
            actor_of(self.request),
            prompt=self.request.query_params.get("prompt") or None,
            version=version_parameter(self.request, "version"),
        )

    @extend_schema(request=RunIn, parameters=[_IDEMPOTENCY_KEY], responses={202: RunOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Start a run; watch it under runs/{run}."""
        body = parsed(RunIn, request)
        run = runs.start_run(
            prompt=body["prompt"],
            version=body["version"],
            model=body["model"],
            tag=body["tag"],
            actor=actor_of(request),
            now=timezone.now(),
            use_cache=not body["fresh"],
        )
        return Response(RunOut(queries.run(run.pk)).data, status=202)


class PlanView(APIView):
    """POST runs/plan: what a run would cost, and what it could decide; nothing is started."""

    scope = Scope.EVALUATE

    @extend_schema(request=PlanIn, responses=ForecastOut)
    def post(self, request: Request) -> Response:
        """The forecast of a run."""
        body = parsed(PlanIn, request)
        planned = subjects.plan(
            prompt=body["prompt"],
            version=body["version"],
            model=body["model"],
            tag=body["tag"],
            actor=actor_of(request),
        )
        return Response(json_of(planned))


class SelfComparisonView(APIView):
    """POST runs/self: ask the live version everything twice, to see how much it differs by itself.

    The share of cases that come out differently says how large a suite must be.
    """

    scope = Scope.EVALUATE

    @extend_schema(request=SelfComparisonIn, parameters=[_IDEMPOTENCY_KEY], responses={202: RunOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Start it; 409 when nothing is live."""
        body = parsed(SelfComparisonIn, request)
        run = runs.start_self_comparison(
            prompt=body["prompt"],
            model=body["model"],
            tag=body["tag"],
            actor=actor_of(request),
            now=timezone.now(),
        )
        return Response(RunOut(queries.run(run.pk)).data, status=202)


class RunView(APIView):
    """GET runs/{run}: how a run goes, or how it ended."""

    scope = Scope.READ

    @extend_schema(responses=RunOut)
    def get(self, request: Request, run: UUID) -> Response:
        """One run."""
        return Response(RunOut(queries.run_for(actor_of(request), run)).data)


@extend_schema(
    parameters=[OpenApiParameter("failed", bool, description="only answers that did not pass")]
)
class ResultsView(ListAPIView[Any]):
    """GET runs/{run}/results: every answer, what the checks said, what it took."""

    scope = Scope.READ
    serializer_class = ResultOut
    pagination_class = ResultPage

    def get_queryset(self) -> Any:
        """Results of the named run; with `?failed=true` those that did not pass."""
        found = queries.results(queries.run_for(actor_of(self.request), self.kwargs["run"]))
        if flag_parameter(self.request, "failed"):
            return found.exclude(outcome=CaseResult.Outcome.PASS)
        return found


class CancelView(APIView):
    """POST runs/{run}/cancel: stop; what was answered stays and can be resumed."""

    scope = Scope.EVALUATE

    @extend_schema(request=EmptyIn, parameters=[_IDEMPOTENCY_KEY], responses=RunOut)
    @idempotent
    def post(self, request: Request, run: UUID) -> Response:
        """Cancel a run; 409 when it is finished."""
        parsed(EmptyIn, request)
        found = runs.cancel_run(run_id=run, actor=actor_of(request), now=timezone.now())
        return Response(RunOut(found).data)


class ResumeView(APIView):
    """POST runs/{run}/resume: go on where it stopped."""

    scope = Scope.EVALUATE

    @extend_schema(request=EmptyIn, parameters=[_IDEMPOTENCY_KEY], responses=RunOut)
    @idempotent
    def post(self, request: Request, run: UUID) -> Response:
        """Resume a cancelled run; 409 when it is finished."""
        parsed(EmptyIn, request)
        found = runs.resume_run(run_id=run, actor=actor_of(request), now=timezone.now())
        return Response(RunOut(found).data)
