"""The shapes of a report's tables."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from evals.domain.latency import Percentile
from evals.domain.prefill import PrefillSaved
from evals.report.values import (
    CheckLine,
    Cost,
    PrefixCache,
    RunReport,
    SuiteLine,
    TimeLine,
    Usage,
    VarianceLine,
)


def _bounds(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.FloatField(), help_text="lower and upper bound, shares", **options
    )


class SuiteLineOut(serializers.Serializer[SuiteLine]):
    """How one suite went: by the gate, or by the answers so far."""

    name = serializers.CharField()
    verdict = serializers.CharField(allow_null=True, help_text="null while the run goes on")
    cases = serializers.IntegerField()
    passed = serializers.IntegerField()
    pass_rate = serializers.FloatField(allow_null=True)
    interval = _bounds(allow_null=True)


class CheckLineOut(serializers.Serializer[CheckLine]):
    """How often one check passed. A case counts once, by the mean of its repeats."""

    suite = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    critical = serializers.BooleanField()
    decides = serializers.BooleanField(help_text="false: it asks a judge that is not trusted")
    cases = serializers.IntegerField()
    pass_rate = serializers.FloatField()
    interval = _bounds()
    baseline_rate = serializers.FloatField(allow_null=True)
    score = serializers.FloatField(allow_null=True, help_text="mean over the answers")


class PercentileOut(serializers.Serializer[Percentile]):
    """One percentile; a bound is null where so few answers cannot give one."""

    q = serializers.FloatField(source="quantile")
    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class TimeLineOut(serializers.Serializer[TimeLine]):
    """One metric of one arm in milliseconds, over answers that were asked for just now."""

    metric = serializers.CharField()
    arm = serializers.ChoiceField(choices=["candidate", "live"])
    count = serializers.IntegerField()
    percentiles = PercentileOut(many=True)


class PrefillSavedOut(serializers.Serializer[PrefillSaved]):
    """Prefill that cached tokens saved, in all requests together: the slope of the times to the
    first token over the tokens computed, times the tokens cached.
    """

    seconds = serializers.FloatField()
    interval = serializers.ListField(
        child=serializers.FloatField(), help_text="lower and upper bound, seconds"
    )
    ms_per_token = serializers.FloatField(help_text="milliseconds that computing a token takes")


class PrefixCacheOut(serializers.Serializer[PrefixCache]):
    """Over the answers for which the server says what it had in its prefix cache."""

    prompt_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    prefill_saved = PrefillSavedOut(allow_null=True)
    prefill_unknown = serializers.CharField(
        allow_blank=True, help_text="why `prefill_saved` is null"
    )


class CostOut(serializers.Serializer[Cost]):
    """USD at the prices of now; null where no price is known. Latency is that of latency phases
    without their warm-up; failed requests and fingerprints are in none of them.
    """

    model_usd = serializers.FloatField(allow_null=True, help_text="both arms")
    latency_usd = serializers.FloatField(allow_null=True)
    judges_usd = serializers.FloatField(
        allow_null=True, help_text="null also when the judges of a suite have several prices"
    )
    total_usd = serializers.FloatField(allow_null=True, help_text="null when a part is")


class UsageOut(serializers.Serializer[Usage]):
    """What the run took. Tokens are those of both arms and of judges."""

    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    judge_prompt_tokens = serializers.IntegerField()
    judge_completion_tokens = serializers.IntegerField()
    cached_answers = serializers.IntegerField()
    cost = CostOut()
    planned_cost_usd = serializers.FloatField(allow_null=True)
    prefix_cache = PrefixCacheOut(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)


class VarianceLineOut(serializers.Serializer[VarianceLine]):
    """Where the variance of a score comes from; null where nothing was repeated to show it."""

    suite = serializers.CharField()
    of = serializers.CharField(help_text="`score`, or the name of a check that asks a judge")
    cases = serializers.IntegerField()
    case = serializers.FloatField(help_text="variance between cases")
    generation = serializers.FloatField(
        allow_null=True, help_text="variance between answers to one case"
    )
    judge = serializers.FloatField(
        allow_null=True, help_text="variance between judgements of one answer"
    )
    case_share = serializers.FloatField(help_text="of the variance of the mean")
    generation_share = serializers.FloatField()
    judge_share = serializers.FloatField()
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="what would have to be repeated to see more"
    )


class RunReportOut(serializers.Serializer[RunReport]):
    """The tables of a run, from the answers that are in."""

    confidence = serializers.FloatField(help_text="of all intervals")
    suites = SuiteLineOut(many=True)
    checks = CheckLineOut(many=True)
    cases = serializers.DictField(
        child=serializers.IntegerField(), help_text="how many cases each change happened to"
    )
    times = TimeLineOut(many=True)
    usage = UsageOut()
    variances = VarianceLineOut(many=True)
    remarks = serializers.ListField(child=serializers.CharField())
