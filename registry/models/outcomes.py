"""What became of prompts in use: scores, and the spans that say which version they are about."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from registry.models.content import PromptVersion


class TraceLink(models.Model):
    """A span of somebody's trace that used a prompt version. Kept for days: scores come soon."""

    trace = models.CharField(max_length=64)
    span = models.CharField(max_length=64)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE)
    #: `stable` or `canary`, where the version was that when the span arrived; else empty.
    arm = models.CharField(max_length=10, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["trace", "span"], name="trace_link_once")]
        indexes = [models.Index(fields=["at"], name="trace_link_by_age")]

    def __str__(self) -> str:
        """Where, and what."""
        return f"{self.trace} {self.span}: {self.version}"


class Outcome(models.Model):
    """A score that a client posted. Without a version it waits for the span that names one."""

    class Kind(models.TextChoices):
        """What the value is."""

        NUMERIC = "NUMERIC"
        BOOLEAN = "BOOLEAN"
        CATEGORICAL = "CATEGORICAL"
        TEXT = "TEXT"
        CORRECTION = "CORRECTION"

    #: The client's own id: what is sent twice is kept once.
    score = models.CharField(max_length=100)
    source = models.CharField(max_length=200)
    version = models.ForeignKey(PromptVersion, null=True, blank=True, on_delete=models.CASCADE)
    arm = models.CharField(max_length=10, blank=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=11, choices=Kind.choices)
    #: A number, or 0 and 1 for BOOLEAN; null for words.
    value = models.FloatField(null=True, blank=True)
    words = models.CharField(max_length=500, blank=True)
    trace = models.CharField(max_length=64)
    span = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # By source: nobody changes what another token said.
            models.UniqueConstraint(fields=["source", "score"], name="outcome_once"),
            models.CheckConstraint(
                condition=~Q(kind__in=["NUMERIC", "BOOLEAN"]) | Q(value__isnull=False),
                name="outcome_number_has_value",
            ),
        ]
        indexes = [
            models.Index(fields=["version", "name"], name="outcome_of_version"),
            models.Index(
                fields=["trace"], condition=Q(version=None), name="outcome_waits_for_trace"
            ),
            models.Index(fields=["at"], name="outcome_by_age"),
        ]

    def __str__(self) -> str:
        """Which score, of what."""
        return f"{self.name} of {self.version or self.trace}"
