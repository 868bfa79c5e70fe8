"""What model servers said and served, look by look, and what rings about them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from registry.models.content import ModelVersion


class ModelProbe(models.Model):
    """One look at a model's server. Only the newest of each model are kept."""

    class State(models.TextChoices):
        """What the fingerprint said."""

        NOT_MEASURED = "not measured"
        FIRST = "first"
        SAME = "same"
        CHANGED = "changed"
        CANNOT_TELL = "cannot tell"
        FAILED = "failed"

    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="probes")
    at = models.DateTimeField()
    is_reachable = models.BooleanField()
    is_healthy = models.BooleanField()
    #: `serving.served.Served.to_json()`.
    served = models.JSONField()
    #: Sentences: what the server says otherwise than the pin.
    differences = models.JSONField(default=list)
    #: What the server's own error was; empty when there was none.
    error = models.TextField(blank=True)
    fingerprint = models.CharField(
        max_length=12, choices=State.choices, default=State.NOT_MEASURED.value
    )
    #: From the known fingerprint: nats in the mean, or the share of other first words. Null: not
    #: measured, or too far to have a number.
    distance = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["model", "-id"], name="probe_newest_of_model")]

    def __str__(self) -> str:
        """Whose, and when."""
        return f"{self.model} at {self.at}"


class ModelAlarm(models.Model):
    """A model serves something else than what was certified. Its tags go on serving.

    It stops by itself: when the model is back, or when everything live on it is certified again.
    """

    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="alarms")
    message = models.TextField()
    #: What it served before: the way back is recognised by it.
    fingerprint = models.CharField(max_length=64)
    fingerprint_mode = models.CharField(max_length=20)
    fingerprint_detail = models.JSONField(default=list)
    raised_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    #: Why it stopped; empty while it rings.
    resolution = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A model that drifts twice rings once, with the first state as the way back.
            models.UniqueConstraint(
                fields=["model"], condition=Q(resolved_at=None), name="model_alarm_rings_once"
            )
        ]

    def __str__(self) -> str:
        """What rings."""
        return self.message
