"""What the prompt repository holds, copied out of Git: prompts, versions, models, policies."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Prompt(models.Model):
    """A named prompt. It stays when its folder disappears, because its versions may be live."""

    name = models.CharField(max_length=200, unique=True)
    description = models.TextField(blank=True)
    owners = ArrayField(models.CharField(max_length=200), default=list)
    suites = ArrayField(models.CharField(max_length=200), default=list)
    #: Policy for `stable` that overrides gates.yaml; empty when the prompt names none.
    gate = models.CharField(max_length=100, blank=True)
    default_model = models.CharField(max_length=100, blank=True)
    #: What a certificate must have been measured with. Empty: nothing can be certified now,
    #: because no suite is named or one of them is broken.
    suite_digest = models.CharField(max_length=64, blank=True)
    #: The folder is gone from the repository; what is live stays live.
    orphaned = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        """The name."""
        return self.name


class PromptVersion(models.Model):
    """A published version: copied out of Git once, never changed (a trigger refuses it)."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    commit = models.CharField(max_length=64)
    blob = models.CharField(max_length=64)
    path = models.CharField(max_length=1000)
    #: `VersionContent.to_json()`.
    content = models.JSONField()
    #: The body with partials put in place: what lookups serve.
    template = models.TextField()
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["prompt", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "number"], name="version_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_number_from_1"),
        ]

    def __str__(self) -> str:
        """`support-chat@v3`."""
        return f"{self.prompt.name}@v{self.number}"


class ModelVersion(models.Model):
    """A pin. A changed identity is a new row; the old one stays for what was certified with it."""

    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    #: The identity and the endpoint, as in models.yaml.
    pin = models.JSONField()
    is_current = models.BooleanField(default=True)
    #: What the endpoint was last measured to serve; empty until measured.
    fingerprint = models.CharField(max_length=64, blank=True)
    fingerprint_mode = models.CharField(max_length=20, blank=True)
    #: The measurement behind it, to compare later ones with: `Fingerprint.detail_json()`.
    fingerprint_detail = models.JSONField(default=list, blank=True)
    fingerprint_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["name", "digest"], name="model_pin_once"),
            # `--model llama-3-70b` must mean one thing.
            models.UniqueConstraint(
                fields=["name"], condition=Q(is_current=True), name="model_one_current"
            ),
        ]

    def __str__(self) -> str:
        """The name people use."""
        return self.name


class GatePolicy(models.Model):
    """A gate policy of gates.yaml as it is now, and the tags it guards."""

    name = models.CharField(max_length=100, unique=True)
    digest = models.CharField(max_length=64)
    spec = models.JSONField()
    tags = ArrayField(models.CharField(max_length=100), default=list)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        """The name."""
        return self.name
