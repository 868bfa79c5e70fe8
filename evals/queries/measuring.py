"""Runs, their suites and results, and what waits to be worked on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.db.models import Avg, Count, DurationField, F, Max, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Now

from evals.domain.forecast import TokenEstimate
from evals.domain.suite import SuiteSpec
from evals.errors import RunUnknownError, SuitesUnusableError
from evals.models import (
    CaseResult,
    DeletedRuns,
    EvalRun,
    JudgeTrial,
    ProposedVersion,
    Suite,
    WorkItem,
)
from registry.domain.actor import Actor
from registry.models import ModelVersion, Prompt, PromptVersion

#: Suites that are not read again. One of 10,000 cases takes about 30 MB.
_SUITES_AT_HAND = 4


def runs() -> QuerySet[EvalRun]:
    """Every run with what is shown of it, newest first."""
    # Prompts and suites are large; whoever needs their text asks for it.
    return (
        EvalRun.objects.select_related(
            "version__prompt", "proposed", "baseline", "model", "certificate"
        )
        .defer(
            "version__content",
            "version__template",
            "proposed__content",
            "baseline__content",
            "baseline__template",
            "certificate__evidence",
        )
        .prefetch_related(Prefetch("suites", Suite.objects.defer("spec").order_by("name")))
    )


def visible_runs(
    actor: Actor, *, prompt: str | None = None, version: int | None = None
) -> QuerySet[EvalRun]:
    """The runs within the actor's globs, of one prompt and version if they are named."""
    found = runs()
    if prompt is not None:
        found = found.filter(_of_prompts([prompt]))
    if version is not None:
        found = found.filter(Q(version__number=version) | Q(proposed__number=version))
    if actor.prompts:
        proposed = ProposedVersion.objects.order_by().values_list("prompt_name", flat=True)
        names = {*Prompt.objects.values_list("name", flat=True), *proposed.distinct()}
        found = found.filter(_of_prompts(actor.visible(names)))
    return found


def latest_runs(
    actor: Actor, count: int, *, prompt: str | None = None, version: int | None = None
) -> QuerySet[EvalRun]:
    """The newest `visible_runs`, for a table that does not name their suites."""
    return visible_runs(actor, prompt=prompt, version=version).prefetch_related(None)[:count]


def _of_prompts(names: Sequence[str]) -> Q:
    """Runs of versions of these prompts, published or proposed."""
    return Q(version__prompt__name__in=names) | Q(proposed__prompt_name__in=names)


def newest_runs(
    versions: Sequence[PromptVersion], models: Sequence[ModelVersion]
) -> dict[tuple[int, int], EvalRun]:
    """The newest gate run of each version on each model, by their keys."""
    newest = (
        EvalRun.objects.filter(version__in=versions, model__in=models, kind=EvalRun.Kind.GATE)
        .order_by("version_id", "model_id", "-created_at")
        .distinct("version_id", "model_id")
        .only("id", "version_id", "model_id", "status", "verdict", "created_at")
    )
    return {
        (found.version_id, found.model_id): found
        for found in newest
        if found.version_id is not None
    }


def run(run_id: UUID) -> EvalRun:
    """One run. Raises RunUnknownError."""
    found = runs().filter(pk=run_id).first()
    if found is None:
        raise RunUnknownError(f"there is no run {run_id}")
    return found


def run_for(actor: Actor, run_id: UUID) -> EvalRun:
    """One run within the actor's globs. Raises RunUnknownError, the same for both reasons: an id
    must not tell whether there is something to hide.
    """
    found = run(run_id)
    if not actor.sees(found.prompt_name):
        raise RunUnknownError(f"there is no run {run_id}")
    return found


def runs_for(actor: Actor, run_ids: Collection[UUID]) -> list[EvalRun]:
    """These runs within the actor's globs, oldest first. Raises RunUnknownError as `run_for`."""
    found = list(visible_runs(actor).filter(pk__in=run_ids).order_by("created_at", "pk"))
    missing = set(run_ids) - {run.pk for run in found}
    if missing:
        raise RunUnknownError(f"there is no run {min(missing)}")
    return found


def results(run: EvalRun) -> QuerySet[CaseResult]:
    """Results of a run in the order in which they came."""
    found = CaseResult.objects.filter(run=run).select_related("item__suite", "baseline")
    return found.defer("item__suite__spec")


def current_suites(prompt: Prompt) -> tuple[Suite, ...]:
    """The suites of a prompt as the repository holds them now, in the prompt's order.

    Raises SuitesUnusableError when it names none, or one that is missing or broken.
    """
    found = {row.name: row for row in Suite.objects.filter(name__in=prompt.suites, is_current=True)}
    missing = [name for name in prompt.suites if name not in found]
    if missing:
        raise SuitesUnusableError(f"{prompt.name} has no usable suite {', '.join(missing)}")
    if not prompt.suites or not prompt.suite_digest:
        raise SuitesUnusableError(f"{prompt.name} has no usable suite")
    return tuple(found[name] for name in dict.fromkeys(prompt.suites))


def current_specs(prompt: Prompt) -> tuple[SuiteSpec, ...]:
    """The usable suites of a prompt as the repository holds them now, by name."""
    rows = Suite.objects.filter(name__in=prompt.suites, is_current=True).order_by("name")
    return tuple(_suite(pk, digest) for pk, digest in rows.values_list("pk", "digest"))


def measured_tokens(prompt: str, model: ModelVersion) -> TokenEstimate | None:
    """Tokens and seconds of an average request of this prompt's last run on the model, if any."""
    measured = EvalRun.objects.filter(_of_prompts([prompt]), model=model, done__gt=0)
    last = measured.first()
    if last is None:
        return None
    means = CaseResult.objects.filter(run=last, total_ms__isnull=False).aggregate(
        prompt=Avg("prompt_tokens"), completion=Avg("completion_tokens"), total=Avg("total_ms")
    )
    if means["total"] is None:
        return None
    return TokenEstimate(
        round(means["prompt"]), round(means["completion"]), seconds=means["total"] / 1000
    )


def same_gate(run: EvalRun) -> QuerySet[EvalRun]:
    """Earlier finished runs of the same version and model under the same suites and policy, that
    asked the model itself: a run of kept answers is no new try.
    """
    return EvalRun.objects.filter(
        kind=EvalRun.Kind.GATE,
        status=EvalRun.Status.FINISHED,
        version=run.version_id,
        model=run.model_id,
        suite_digest=run.suite_digest,
        policy_digest=run.policy_digest,
        completion_tokens__gt=0,
    ).exclude(pk=run.pk)


def flip_rate(prompt: str, model: ModelVersion) -> float | None:
    """Share of cases that differed when a live version was last compared with itself here."""
    last = EvalRun.objects.filter(
        kind=EvalRun.Kind.SELF,
        status=EvalRun.Status.FINISHED,
        version__prompt__name=prompt,
        model=model,
        summary__flip_rate__isnull=False,
    ).first()
    return last.summary["flip_rate"] if last else None


def has_open_items(run_id: UUID) -> bool:
    """Whether an answer is still missing."""
    return WorkItem.objects.filter(run_id=run_id, done=False).exists()


def has_live_run(model_id: int) -> bool:
    """Whether an evaluation on this model is on."""
    return EvalRun.objects.filter(model=model_id, status__in=EvalRun.LIVE).exists()


def runs_nobody_works_on() -> list[UUID]:
    """Live runs without a live lease, of an item or of the lead. Oldest first."""
    held = WorkItem.objects.filter(done=False, leased_until__gt=Now()).values("run_id")
    idle = EvalRun.objects.filter(
        Q(leader_until=None) | Q(leader_until__lte=Now()), status__in=EvalRun.LIVE
    )
    return list(idle.exclude(pk__in=held).order_by("created_at").values_list("pk", flat=True))


def trials_nobody_works_on() -> list[UUID]:
    """Trials of judges that wait, or whose worker is gone. Oldest first."""
    waiting = JudgeTrial.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=Now()), status=JudgeTrial.Status.QUEUED
    )
    return list(waiting.order_by("created_at").values_list("pk", flat=True))


def suite_specs(rows: Sequence[Suite]) -> tuple[SuiteSpec, ...]:
    """The suites as values."""
    return tuple(SuiteSpec.from_json(row.spec) for row in rows)


def suites_of(run: EvalRun) -> dict[int, SuiteSpec]:
    """What a run measures with, by the suite's key, in the order of names."""
    rows = Suite.objects.filter(runs=run).order_by("name").values_list("pk", "digest")
    return {pk: _suite(pk, digest) for pk, digest in rows}


def has_judges(run: EvalRun) -> bool:
    """Whether a suite of the run has a judge; their cases need not be read for that."""
    return Suite.objects.filter(runs=run, spec__has_key="judges").exists()


@lru_cache(maxsize=_SUITES_AT_HAND)
def _suite(pk: int, _digest: str) -> SuiteSpec:
    """A run needs its thousands of cases six times, and nothing in them can change: whatever
    decides about an answer is in the digest.
    """
    return SuiteSpec.from_json(Suite.objects.values_list("spec", flat=True).get(pk=pk))


def is_led(run_id: UUID) -> bool:
    """Whether a worker leads the run now."""
    return EvalRun.objects.filter(pk=run_id, leader_until__gt=Now()).exists()


@dataclass(frozen=True, slots=True)
class Queue:
    """Answers that are still missing in live runs, and those of them a worker is at."""

    waiting: int
    leased: int
    #: Seconds since the oldest live run was asked for; 0 without one.
    oldest_seconds: float


def queue() -> Queue:
    """What the workers have before them."""
    live = EvalRun.objects.filter(status__in=EvalRun.LIVE)
    items = WorkItem.objects.filter(done=False, run__in=live).aggregate(
        leased=Count("pk", filter=Q(leased_until__gt=Now())), all=Count("pk")
    )
    age = live.aggregate(age=Max(Now() - F("created_at"), output_field=DurationField()))["age"]
    seconds = age.total_seconds() if age else 0.0
    return Queue(items["all"] - items["leased"], items["leased"], seconds)


def runs_by_outcome() -> dict[tuple[str, str], int]:
    """How many runs there ever were of each status and verdict ("" without one)."""
    found: Counter[tuple[str, str]] = Counter()
    for status, verdict, count, *_ in _tallies():
        found[status, verdict] += count
    return dict(found)


def tokens_paid_for() -> tuple[int, int]:
    """Prompt and completion tokens of all runs there ever were, judges included."""
    rows = _tallies()
    return sum(row[3] for row in rows), sum(row[4] for row in rows)


def _tallies() -> list[tuple[str, str, int, int, int]]:
    """Status, verdict, runs, prompt and completion tokens: of those that are here, and of those
    that were deleted. One statement, so that a run that is deleted meanwhile is counted once.
    """
    here = (
        EvalRun.objects.order_by()
        .values_list("status", "verdict")
        .annotate(Count("pk"), Sum("prompt_tokens"), Sum("completion_tokens"))
    )
    gone = DeletedRuns.objects.values_list(
        "status", "verdict", "runs", "prompt_tokens", "completion_tokens"
    )
    return list(here.union(gone, all=True))
