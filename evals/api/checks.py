"""Checks of proposed commits: ask for one, watch it, stop it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evals import commit_checks, queries
from evals.api.serializers import EmptyIn, ProgressOut
from evals.commit_checks.address import page_of, path_of
from evals.commit_checks.outcomes import outcome_of
from evals.models import CheckedPrompt, CommitCheck
from registry.api.authentication import actor_of
from registry.api.idempotency import idempotent
from registry.api.inputs import StrictSerializer, parsed
from registry.api.pagination import CursorPage
from registry.domain.actor import Scope

_VERDICTS = ["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
_IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)


class CheckIn(StrictSerializer):
    """Body of asking for a check. Ids are whole; zeros as `base` stand for nothing."""

    repository_commit = serializers.CharField(max_length=64, help_text="the proposed commit")
    base = serializers.CharField(max_length=64, help_text="what it is proposed for")
    model = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=100,
        help_text="absent or null: each prompt's own",
    )


class CheckStartedOut(serializers.Serializer[CommitCheck]):
    """A check that was taken on."""

    id = serializers.CharField()
    status = serializers.CharField()
    url = serializers.SerializerMethodField()

    def get_url(self, check: CommitCheck) -> str:
        """Its page."""
        request: Request = self.context["request"]
        return page_of(check) or request.build_absolute_uri(path_of(check))


class CheckedPromptOut(serializers.Serializer[CheckedPrompt]):
    """One prompt of the commit. `verdict` is null until then, and where there is nothing to
    evaluate; `version` is null where the change brings none.
    """

    prompt = serializers.CharField()
    version = serializers.IntegerField(source="number", allow_null=True)
    verdict = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()
    run = serializers.UUIDField(source="run_id", allow_null=True)

    @extend_schema_field(serializers.ChoiceField(choices=_VERDICTS, allow_null=True))
    def get_verdict(self, prompt: CheckedPrompt) -> str | None:
        """That of its run, where it has one."""
        return outcome_of(prompt).verdict

    def get_reasons(self, prompt: CheckedPrompt) -> list[str]:
        """The verdict in sentences."""
        return list(outcome_of(prompt).reasons)


class CommitCheckSummaryOut(CheckStartedOut):
    """A check as lists show it."""

    commit = serializers.CharField(source="head")
    base = serializers.CharField()
    title = serializers.CharField()
    pull_request = serializers.IntegerField(allow_null=True)
    held = serializers.BooleanField(
        source="is_held", help_text="from a fork: a maintainer has to let it in"
    )
    cancelled = serializers.BooleanField(source="is_cancelled")
    verdict = serializers.SerializerMethodField()
    sentences = serializers.ListField(child=serializers.CharField())
    progress = serializers.SerializerMethodField()
    prompts = CheckedPromptOut(many=True)
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.ChoiceField(choices=_VERDICTS, allow_null=True))
    def get_verdict(self, check: CommitCheck) -> str | None:
        """Null until it is done."""
        return check.verdict or None

    @extend_schema_field(ProgressOut(allow_null=True))
    def get_progress(self, check: CommitCheck) -> Any:
        """The answers of all its runs; null before the first one was started."""
        return queries.check_progress(check)


class CommitCheckOut(CommitCheckSummaryOut):
    """A check with its report: the evaluation, as a comment would tell it."""

    report_markdown = serializers.CharField()


class ChecksView(ListAPIView[Any]):
    """GET ci/checks: checks, newest first. POST ci/checks: have a commit checked."""

    scope = {"GET": Scope.READ, "POST": Scope.EVALUATE}
    serializer_class = CommitCheckSummaryOut

    class pagination_class(CursorPage):  # noqa: N801 - REST framework's name
        """Newest first; ids are random, so the time orders."""

        ordering = "-created_at"

    def get_queryset(self) -> Any:
        """For callers who see every prompt."""
        return queries.checks_for(actor_of(self.request))

    @extend_schema(request=CheckIn, parameters=[_IDEMPOTENCY_KEY], responses={202: CheckStartedOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Take a check on; the server fetches the commit itself."""
        body = parsed(CheckIn, request)
        proposal = commit_checks.Proposal(head=body["repository_commit"], base=body["base"])
        check = commit_checks.request_check(
            proposal=proposal, model=body["model"], actor=actor_of(request), now=timezone.now()
        )
        return Response(CheckStartedOut(check, context={"request": request}).data, status=202)


class CheckView(APIView):
    """GET ci/checks/{check}: how a check stands."""

    scope = Scope.READ

    @extend_schema(responses=CommitCheckOut)
    def get(self, request: Request, check: UUID) -> Response:
        """One check."""
        found = queries.check_for(actor_of(request), check)
        return Response(CommitCheckOut(found, context={"request": request}).data)


class CancelCheckView(APIView):
    """POST ci/checks/{check}/cancel: stop it and its runs."""

    scope = Scope.EVALUATE

    @extend_schema(request=EmptyIn, parameters=[_IDEMPOTENCY_KEY], responses=CommitCheckOut)
    @idempotent
    def post(self, request: Request, check: UUID) -> Response:
        """Cancel a check; 409 when it is done."""
        parsed(EmptyIn, request)
        found = commit_checks.cancel_check(
            check_id=check, actor=actor_of(request), now=timezone.now()
        )
        return Response(CommitCheckOut(found, context={"request": request}).data)
