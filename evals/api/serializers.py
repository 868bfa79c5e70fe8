"""The shapes of evaluation's bodies: what comes in is checked, what goes out is documented."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from evals.models import BaselineResult, CaseResult, EvalRun
from registry.api.inputs import StrictSerializer


class RunIn(StrictSerializer):
    """Body of starting a run."""

    prompt = serializers.CharField(max_length=200)
    version = serializers.IntegerField(min_value=1)
    model = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=100,
        help_text="absent or null: the prompt's default model",
    )
    tag = serializers.CharField(
        default="stable",
        max_length=100,
        help_text="whose gate policy counts, and whose live version is the baseline",
    )
    fresh = serializers.BooleanField(
        default=False, help_text="ask everything, even what an earlier run was answered"
    )


class PlanIn(StrictSerializer):
    """Body of planning a run."""

    prompt = serializers.CharField(max_length=200)
    version = serializers.IntegerField(min_value=1)
    model = serializers.CharField(required=False, allow_null=True, default=None, max_length=100)
    tag = serializers.CharField(default="stable", max_length=100)


class SelfComparisonIn(StrictSerializer):
    """Body of asking the live version everything twice."""

    prompt = serializers.CharField(max_length=200)
    model = serializers.CharField(required=False, allow_null=True, default=None, max_length=100)
    tag = serializers.CharField(default="stable", max_length=100)


class EmptyIn(StrictSerializer):
    """An empty body."""


class ProgressOut(serializers.Serializer[EvalRun]):
    """Answers of a run: how many are in, how many there will be, how many are errors."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment] # a field, not the property


class ForecastOut(serializers.Serializer[Any]):
    """What the run was expected to cost and to be able to decide."""

    cases = serializers.IntegerField()
    requests = serializers.IntegerField()
    tokens = serializers.IntegerField()
    cost_usd = serializers.FloatField()
    minutes = serializers.FloatField(allow_null=True)
    decidable = serializers.BooleanField()
    detectable = serializers.CharField()
    judge_requests = serializers.IntegerField(default=0)
    detectable_drop = serializers.FloatField(
        default=None,
        allow_null=True,
        help_text="smallest drop below the live version that shows with 80 % probability, a share",
    )
    detectable_margin = serializers.FloatField(
        default=None,
        allow_null=True,
        help_text="smallest margin that an equally good candidate passes with 80 % probability",
    )


class RunOut(serializers.Serializer[EvalRun]):
    """A run. `verdict`, `passed`, `pass_rate` and `interval` are null until it is finished; rate
    and interval also for ERROR and for several suites, which have floors of their own.
    """

    run = serializers.UUIDField(source="id")
    kind = serializers.ChoiceField(
        choices=[kind.value for kind in EvalRun.Kind],
        help_text="gate; self: the live version asked everything twice, without a verdict; "
        "check: a version that a commit proposes",
    )
    prompt = serializers.CharField(source="prompt_name")
    version = serializers.IntegerField(source="candidate.number")
    baseline = serializers.IntegerField(
        source="baseline.number",
        default=None,
        allow_null=True,
        help_text="the live version that was asked the same questions",
    )
    model = serializers.CharField(source="model.name")
    tag = serializers.CharField()
    policy = serializers.CharField()
    suites = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=[status.value for status in EvalRun.Status])
    verdict = serializers.SerializerMethodField()
    reasons = serializers.ListField(child=serializers.CharField())
    cases = serializers.IntegerField(source="forecast.cases")
    passed = serializers.IntegerField(source="summary.passed", default=None, allow_null=True)
    pass_rate = serializers.FloatField(source="summary.pass_rate", default=None, allow_null=True)
    interval = serializers.ListField(
        source="summary.interval",
        child=serializers.FloatField(),
        default=None,
        allow_null=True,
    )
    measured = serializers.JSONField(
        source="summary",
        help_text="figures of each suite: pass rate, comparison with the live version, guardrails",
    )
    latency = serializers.JSONField(help_text="the latency phases, suite by suite")
    advisory = serializers.DictField(
        child=serializers.CharField(),
        help_text="judges that decide nothing (suite/judge), and why they are not trusted",
    )
    progress = ProgressOut(source="*")
    cached = serializers.IntegerField(help_text="answers taken from earlier runs")
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    certificate = serializers.CharField(source="certificate.digest", default=None, allow_null=True)
    forecast = ForecastOut()
    fingerprint = serializers.CharField()
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_suites(self, run: EvalRun) -> list[str]:
        """Names of the suites it measures with."""
        return [suite.name for suite in run.suites.all()]

    @extend_schema_field(
        serializers.ChoiceField(choices=["PASS", "FAIL", "INCONCLUSIVE", "ERROR"], allow_null=True)
    )
    def get_verdict(self, run: EvalRun) -> str | None:
        """Null until the run is finished."""
        return run.verdict or None


class CheckOut(serializers.Serializer[Any]):
    """What one check said about one answer."""

    name = serializers.CharField()
    type = serializers.CharField()
    passed = serializers.BooleanField()
    critical = serializers.BooleanField()
    detail = serializers.CharField()
    score = serializers.FloatField(default=None, allow_null=True)
    weight = serializers.FloatField(default=1.0)


class BaselineOut(serializers.Serializer[BaselineResult]):
    """What the live version answered to the same question. Times are milliseconds."""

    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in CaseResult.Outcome])
    score = serializers.FloatField(allow_null=True)
    text = serializers.CharField()
    checks = CheckOut(many=True)
    error = serializers.CharField()
    from_cache = serializers.BooleanField()
    ttft_ms = serializers.FloatField(allow_null=True)
    total_ms = serializers.FloatField(allow_null=True)
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(allow_null=True)


class ResultOut(serializers.Serializer[CaseResult]):
    """One answer and its worth. Times are milliseconds."""

    suite = serializers.CharField(source="item.suite.name")
    case = serializers.CharField()
    repeat = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in CaseResult.Outcome])
    score = serializers.FloatField(allow_null=True)
    text = serializers.CharField()
    checks = CheckOut(many=True)
    error = serializers.CharField()
    from_cache = serializers.BooleanField()
    ttft_ms = serializers.FloatField(allow_null=True)
    total_ms = serializers.FloatField(allow_null=True)
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(
        allow_null=True, help_text="prompt tokens that the server had in its prefix cache"
    )
    baseline = serializers.SerializerMethodField()

    @extend_schema_field(BaselineOut(allow_null=True))
    def get_baseline(self, result: CaseResult) -> Any:
        """Null when nothing was compared."""
        found = getattr(result, "baseline", None)
        return None if found is None else BaselineOut(found).data
