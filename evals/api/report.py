"""The report of a run: its tables, and what became of its cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidError
from evals import queries
from evals.api.listed import ListedPage
from evals.api.report_shapes import RunReportOut
from evals.api.serializers import ResultOut
from evals.domain.case_change import Change
from evals.domain.case_history import CaseClass
from evals.history import CaseName, Window
from evals.models import EvalRun
from evals.report.cases import answers_of, case_lines
from evals.report.tables import report_of
from evals.report.values import CaseLine
from registry.api.authentication import actor_of
from registry.domain.actor import Scope

_CHANGES = [change.value for change in Change]
_HELP = "what became of the case; may be given several times. Without it: every case"


class ReportView(APIView):
    """GET runs/{run}/report: rates, intervals, times, usage, cost and variances of a run."""

    scope = Scope.READ

    @extend_schema(responses=RunReportOut)
    def get(self, request: Request, run: UUID) -> Response:
        """The tables, from the answers that are in."""
        return Response(RunReportOut(report_of(queries.run_for(actor_of(request), run))).data)


class RunCaseOut(serializers.Serializer[CaseLine]):
    """A case, what became of it beside the live version, and its answers by repeat."""

    suite = serializers.CharField(source="place.suite")
    case = serializers.CharField(source="place.case")
    change = serializers.ChoiceField(choices=_CHANGES)
    pass_rate = serializers.FloatField(source="counts.pass_rate", allow_null=True)
    baseline_rate = serializers.FloatField(
        source="counts.baseline_rate",
        allow_null=True,
        help_text="of the live version; null when it was not asked",
    )
    history = serializers.SerializerMethodField()
    answers = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField(help_text="as `class` of prompts/{name}/cases"))
    def get_history(self, line: CaseLine) -> str:
        """What the newest runs of the prompt on this model make of the case."""
        found: str = self.context["history"].get(_name(line), CaseClass.UNJUDGED.value)
        return found

    @extend_schema_field(ResultOut(many=True))
    def get_answers(self, line: CaseLine) -> list[Any]:
        """Whole, in the order of the repeats."""
        found: list[Any] = self.context["answers"][_name(line)]
        return found


class RunCasePage(ListedPage):
    """Pages of cases: first by what became of them, then by name."""

    def key(self, item: CaseLine) -> tuple[Any, ...]:
        """Rank of the change, suite, case."""
        return (item.place.rank, item.place.suite, item.place.case)

    def parsed(self, position: Sequence[Any]) -> tuple[Any, ...]:
        """The same from a cursor."""
        rank, suite, case = position
        return (int(rank), str(suite), str(case))


@extend_schema(
    parameters=[OpenApiParameter("change", str, enum=_CHANGES, many=True, description=_HELP)]
)
class RunCasesView(ListAPIView[Any]):
    """GET runs/{run}/cases: what became of each case, with its answers; regressions first."""

    scope = Scope.READ
    serializer_class = RunCaseOut
    pagination_class = RunCasePage

    def list(self, request: Request, *_args: Any, **_kwargs: Any) -> Response:
        """A page of cases."""
        run = queries.run_for(actor_of(request), self.kwargs["run"])
        changes = [_change(text) for text in request.query_params.getlist("change")]
        page: Any = self.paginate_queryset(case_lines(run, changes)) or []
        context = {"history": _classes(run, page), "answers": _answers(run, page)}
        return self.get_paginated_response(RunCaseOut(page, many=True, context=context).data)


def _name(line: CaseLine) -> CaseName:
    return CaseName(line.place.suite, line.place.case)


def _classes(run: EvalRun, lines: Sequence[CaseLine]) -> dict[CaseName, str]:
    window = Window(prompt=run.prompt_name, model=run.model.name)
    found = window.histories([_name(line) for line in lines])
    return {history.name: history.standing.kind.value for history in found}


def _answers(run: EvalRun, lines: Sequence[CaseLine]) -> dict[CaseName, list[Any]]:
    found: dict[CaseName, list[Any]] = defaultdict(list)
    wanted = {_name(line) for line in lines}
    for result in answers_of(run, lines):
        name = CaseName(result.item.suite.name, result.case)
        if name in wanted:
            found[name].append(ResultOut(result).data)
    return found


def _change(text: str) -> Change:
    if text not in _CHANGES:
        raise InvalidError(f"change={text!r} is not one of {', '.join(_CHANGES)}")
    return Change(text)
