"""Runs and their work items."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from evals.models.commit_checks import ProposedVersion
from evals.models.suites import Suite
from registry.models import Certificate, ModelVersion, PromptVersion


class EvalRun(models.Model):
    """One evaluation of one prompt version on one model version, under one gate policy."""

    class Kind(models.TextChoices):
        """What a run is for."""

        GATE = "gate"
        #: The live version against itself: how much answers differ when nothing differs.
        SELF = "self"
        #: A version that a commit proposes, beside the live one: it can certify nothing.
        CHECK = "check"

    class Status(models.TextChoices):
        """Where the run is; the verdict is a different question."""

        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        CANCELLED = "cancelled"

    #: A run in one of these may be worked on.
    LIVE = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.GATE)
    #: What is measured: one of the two.
    version = models.ForeignKey(
        PromptVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="runs"
    )
    proposed = models.ForeignKey(
        ProposedVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="runs"
    )
    #: What is live, asked the same questions on the same model; null when nothing else is live.
    baseline = models.ForeignKey(
        PromptVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs")
    suites = models.ManyToManyField(Suite, related_name="runs")
    #: One digest over all suites of the prompt; what the certificate will name.
    suite_digest = models.CharField(max_length=64)
    tag = models.CharField(max_length=100)
    policy = models.CharField(max_length=100)
    policy_digest = models.CharField(max_length=64)
    policy_spec = models.JSONField()
    forecast = models.JSONField(default=dict)
    #: Answers of the same question to the same model may be taken from earlier runs.
    use_cache = models.BooleanField(default=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    verdict = models.CharField(max_length=12, blank=True)
    reasons = models.JSONField(default=list)
    #: `verdict.RunSummary.to_json()`; empty until the run is finished.
    summary = models.JSONField(default=dict)
    #: Judges that are not trusted (`suite/judge` -> why): shown, and counted for nothing.
    advisory = models.JSONField(default=dict)
    #: `LatencyReport.to_json()`, suite by suite; empty without a latency phase.
    latency = models.JSONField(default=dict)
    #: Measured before the first call; empty until then.
    fingerprint = models.CharField(max_length=64, blank=True)
    #: The models that judge, as measured before the first call: name, digest, fingerprint of each.
    judge_models = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    #: Tallies over the results, moved in the transaction that stores one: always exact.
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    #: Answers that were not asked for, because an earlier run had them.
    cached = models.PositiveIntegerField(default=0)
    #: Paid for in this run, of both arms and of judges: answers from the cache cost nothing.
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    #: The worker that does what only one may do: measure the fingerprint first and last, and close
    #: the run. A lease like that of an item.
    leader = models.CharField(max_length=100, blank=True)
    leader_until = models.DateTimeField(null=True, blank=True)
    #: Leads that ended in a crash.
    lead_attempts = models.PositiveSmallIntegerField(default=0)
    certificate = models.ForeignKey(Certificate, null=True, blank=True, on_delete=models.PROTECT)
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="run_verdict_only_when_finished",
                condition=Q(
                    status="finished", verdict__in=["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
                )
                | Q(status="finished", kind="self", verdict="")
                | ~Q(status="finished") & Q(verdict=""),
            ),
            models.CheckConstraint(
                name="run_certificate_only_for_pass",
                condition=Q(certificate=None) | Q(verdict="PASS"),
            ),
            # A pass that certified nothing would be believed all the same.
            models.CheckConstraint(
                name="run_pass_has_its_certificate",
                condition=~Q(verdict="PASS") | Q(certificate__isnull=False) | Q(kind="check"),
            ),
            # What is proposed is measured by checks only, and a check proves nothing for a tag.
            models.CheckConstraint(
                name="run_measures_one_version",
                condition=Q(kind="check", version=None, proposed__isnull=False, certificate=None)
                | ~Q(kind="check") & Q(version__isnull=False, proposed=None),
            ),
            models.CheckConstraint(
                name="run_tally_within_total",
                condition=Q(done__lte=F("total"), errors__lte=F("done")),
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="run_newest_first"),
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["queued", "running"]),
                name="run_to_work_on",
            ),
        ]

    def __str__(self) -> str:
        """The id people cite."""
        return str(self.id)

    @property
    def candidate(self) -> PromptVersion | ProposedVersion:
        """What is measured, published or proposed."""
        found = self.version or self.proposed
        assert found is not None  # a constraint of the table
        return found

    @property
    def prompt_name(self) -> str:
        """The prompt it is a version of."""
        found = self.candidate
        return found.prompt.name if isinstance(found, PromptVersion) else found.prompt_name


class DeletedRuns(models.Model):
    """What runs that were deleted leave behind: how many they were, and what they had paid for.

    Counters over all runs must never fall: Prometheus would take that for a new beginning.
    """

    status = models.CharField(max_length=10)
    verdict = models.CharField(max_length=12, blank=True)
    runs = models.BigIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["status", "verdict"], name="deleted_runs_once")
        ]

    def __str__(self) -> str:
        """How many of which."""
        return f"{self.runs} {self.verdict or self.status}"


class WorkItem(models.Model):
    """One answer still to be asked for, or asked for: PostgreSQL is the queue, Celery the bell.

    A lease is (owner, fence, until). The fence grows with every lease, and a result is accepted
    only with the newest fence, so a worker that was thought dead cannot write over its successor.
    """

    run = models.ForeignKey(EvalRun, on_delete=models.CASCADE, related_name="items")
    suite = models.ForeignKey(Suite, on_delete=models.PROTECT, related_name="+")
    case = models.CharField(max_length=200)
    repeat = models.PositiveSmallIntegerField()
    #: Order of work: cases with the same prompt prefix stay together.
    position = models.PositiveIntegerField()
    fence = models.PositiveIntegerField(default=0)
    owner = models.CharField(max_length=100, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    #: Leases taken and not given back: more than one means that a worker died or broke over it.
    attempts = models.PositiveSmallIntegerField(default=0)
    done = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "suite", "case", "repeat"], name="work_item_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["run", "attempts", "position"],
                condition=Q(done=False),
                name="work_item_open",
            )
        ]

    def __str__(self) -> str:
        """Which answer."""
        return f"{self.case} #{self.repeat}"
