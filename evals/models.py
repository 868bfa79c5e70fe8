"""Suites as they were measured, runs, work items and results."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from registry.models import Certificate, ModelVersion, PromptVersion


class Suite(models.Model):
    """A suite with its cases, by content: what a run measured with can always be read again."""

    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    #: `SuiteSpec.to_json()`, cases included.
    spec = models.JSONField()
    #: What it was read from (path -> content address): files that are the same need no reading.
    #: Empty: read it at every sync.
    sources = models.JSONField(default=dict)
    #: The suite of this name that the repository holds now.
    is_current = models.BooleanField(default=True)
    commit = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "-id"]
        constraints = [
            # Two suites may hold the same cases; one suite may go back to what it was.
            models.UniqueConstraint(fields=["name", "digest"], name="suite_content_once"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(is_current=True), name="suite_one_current"
            ),
        ]

    def __str__(self) -> str:
        """Name and the start of its digest."""
        return f"{self.name} {self.digest[:12]}"


class EvalRun(models.Model):
    """One evaluation of one prompt version on one model version, under one gate policy."""

    class Status(models.TextChoices):
        """Where the run is; the verdict is a different question."""

        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        CANCELLED = "cancelled"

    #: A run in one of these may be worked on.
    LIVE = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="runs")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs")
    suites = models.ManyToManyField(Suite, related_name="runs")
    #: One digest over all suites of the prompt; what the certificate will name.
    suite_digest = models.CharField(max_length=64)
    tag = models.CharField(max_length=100)
    policy = models.CharField(max_length=100)
    policy_digest = models.CharField(max_length=64)
    policy_spec = models.JSONField()
    forecast = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    verdict = models.CharField(max_length=12, blank=True)
    reasons = models.JSONField(default=list)
    #: `verdict.RunSummary.to_json()`; empty until the run is finished.
    summary = models.JSONField(default=dict)
    #: Measured before the first call; empty until then.
    fingerprint = models.CharField(max_length=64, blank=True)
    #: Tallies over the results, moved in the transaction that stores one: always exact.
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
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
                | ~Q(status="finished") & Q(verdict=""),
            ),
            models.CheckConstraint(
                name="run_certificate_only_for_pass",
                condition=Q(certificate=None) | Q(verdict="PASS"),
            ),
            # A pass that certified nothing would be believed all the same.
            models.CheckConstraint(
                name="run_pass_has_its_certificate",
                condition=~Q(verdict="PASS") | Q(certificate__isnull=False),
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


class CaseResult(models.Model):
    """What one answer was worth. Exactly one per work item."""

    class Outcome(models.TextChoices):
        """ERROR is neither: the case could not be judged."""

        PASS = "pass"  # noqa: S105 - an outcome, not a password
        FAIL = "fail"
        ERROR = "error"

    item = models.OneToOneField(WorkItem, on_delete=models.CASCADE, related_name="result")
    run = models.ForeignKey(EvalRun, on_delete=models.CASCADE, related_name="results")
    case = models.CharField(max_length=200)
    repeat = models.PositiveSmallIntegerField()
    fence = models.PositiveIntegerField()
    outcome = models.CharField(max_length=5, choices=Outcome.choices)
    critical_failure = models.BooleanField(default=False)
    text = models.TextField(blank=True)
    checks = models.JSONField(default=list)
    error = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=30, blank=True)
    ttft_ms = models.FloatField(null=True)
    total_ms = models.FloatField(null=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "id"], name="result_of_run")]

    def __str__(self) -> str:
        """Which answer, and its worth."""
        return f"{self.case} #{self.repeat}: {self.outcome}"
