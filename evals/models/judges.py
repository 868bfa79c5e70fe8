"""What is known of judges: the labels they are measured by, and how they did."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from registry.models import ModelVersion


class LabelSet(models.Model):
    """Human labels as the repository held them, by content: a measurement names its own."""

    digest = models.CharField(max_length=64, primary_key=True)
    rubric = models.CharField(max_length=200)
    #: `LabelledAnswer` by `LabelledAnswer`.
    rows = models.JSONField()
    commit = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """The rubric and the start of the digest."""
        return f"{self.rubric} {self.digest[:12]}"


class JudgeTrial(models.Model):
    """A judge put to the test: with canaries it must fail, or with answers that people labelled."""

    class Kind(models.TextChoices):
        """Canaries block a judge, a calibration says how far it is to be trusted."""

        CANARIES = "canaries"
        CALIBRATION = "calibration"

    class Status(models.TextChoices):
        """FAILED: the trial broke, and says nothing about the judge."""

        QUEUED = "queued"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=11, choices=Kind.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    #: `JudgeSpec.identity`: prompt, rubric, model pin, samples and temperature.
    judge = models.CharField(max_length=64)
    #: `JudgeSpec.calibration`; empty for canaries.
    labels = models.CharField(max_length=64, blank=True)
    #: `JudgeSpec.to_json()`: what was tried can always be read again.
    spec = models.JSONField()
    #: What people call it: `suite/judge`.
    name = models.CharField(max_length=300)
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    #: What served the model, the same before and after; empty while it is not finished.
    fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
    #: `Calibration.to_json()`, or the canaries' results.
    outcome = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    #: A worker is at it until then; afterwards another one may take over.
    leased_until = models.DateTimeField(null=True, blank=True)
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["judge", "labels", "-created_at"],
                condition=Q(status="finished"),
                name="trial_newest_of_judge",
            )
        ]

    def __str__(self) -> str:
        """What was tried, and how."""
        return f"{self.kind} of {self.name}"

    @property
    def suite(self) -> str:
        """The suite of the judge that was tried."""
        return self.name.rpartition("/")[0]
