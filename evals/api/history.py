"""Cases of a prompt: how each went in run after run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidError
from evals import quarantine
from evals.api.listed import ListedPage
from evals.domain.case_history import CaseClass
from evals.history import NEWEST_RUNS, CaseHistory, CaseName, Window
from registry import queries
from registry.api.authentication import actor_of
from registry.domain.actor import Scope
from registry.models import Prompt

_CLASSES = [kind.value for kind in CaseClass]


class ModelNeededError(InvalidError):
    """The prompt has no default model, so say which model's runs are meant."""

    code = "model_needed"
    hint = "add ?model=NAME"


class CaseRunOut(serializers.Serializer[Any]):
    """How a case went in one run."""

    run = serializers.UUIDField()
    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    outcomes = serializers.ListField(
        child=serializers.ChoiceField(choices=["pass", "fail", "error"]),
        help_text="one for each repeat",
    )


class CaseHistoryOut(serializers.Serializer[CaseHistory]):
    """A case and what became of it."""

    suite = serializers.CharField(source="name.suite")
    case = serializers.CharField(source="name.case")
    since = serializers.IntegerField(
        source="standing.since",
        allow_null=True,
        help_text="the version with which it regressed or was fixed",
    )
    quarantined_until = serializers.SerializerMethodField()
    runs = CaseRunOut(many=True)

    def get_fields(self) -> dict[str, Any]:
        """Also `class`, a word that Python keeps for itself."""
        kind = serializers.ChoiceField(source="standing.kind", choices=_CLASSES)
        return {**super().get_fields(), "class": kind}

    def get_quarantined_until(self, found: CaseHistory) -> str | None:
        """Null when it is not in quarantine."""
        until = self.context.get("quarantine", {}).get(found.name)
        return None if until is None else until.isoformat()


class CasePage(ListedPage):
    """Pages of cases in the order of their names."""

    def key(self, item: CaseName) -> tuple[Any, ...]:
        """Suite and case."""
        return (item.suite, item.case)

    def parsed(self, position: Sequence[Any]) -> tuple[Any, ...]:
        """The same from a cursor."""
        suite, case = position
        return (str(suite), str(case))


@extend_schema(
    parameters=[
        OpenApiParameter("model", str, description="absent: the prompt's default model"),
        OpenApiParameter("suite", str, description="only cases of this suite"),
        OpenApiParameter("case", str, description="only the case with this key"),
        OpenApiParameter("class", str, enum=_CLASSES, description="only cases of this class"),
    ],
    description=(
        "GET prompts/{name}/cases: every case that was measured on a model, with its outcomes in "
        f"the newest {NEWEST_RUNS} runs and what they make of it: stable, flaky, regressed, fixed."
    ),
)
class CasesView(ListAPIView[Any]):
    """GET prompts/{name}/cases: the history of cases."""

    scope = Scope.READ
    serializer_class = CaseHistoryOut
    pagination_class = CasePage

    def list(self, request: Request, *_args: Any, **_kwargs: Any) -> Response:
        """A page of cases."""
        name = self.kwargs["name"]
        actor_of(request).require(Scope.READ, name)
        prompt = queries.prompt(name)
        asked = request.query_params
        window = Window(prompt=prompt.name, model=_model(request, prompt))
        names = window.names(
            suite=asked.get("suite") or None,
            case=asked.get("case") or None,
            kind=_class(asked.get("class", "")),
        )
        page: Any = self.paginate_queryset(names)
        held = quarantine.in_force(prompt, timezone.now())
        context = {"quarantine": {CaseName(row.suite, row.case): row.expires_at for row in held}}
        histories: Any = window.histories(page or [])
        found = CaseHistoryOut(histories, many=True, context=context)
        return self.get_paginated_response(found.data)


def _model(request: Request, prompt: Prompt) -> str:
    model = request.query_params.get("model") or prompt.default_model
    if not model:
        raise ModelNeededError(f"{prompt.name} has no default model")
    return model


def _class(text: str) -> CaseClass | None:
    if not text:
        return None
    if text not in _CLASSES:
        raise InvalidError(f"class={text!r} is not one of {', '.join(_CLASSES)}")
    return CaseClass(text)
