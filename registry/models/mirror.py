"""The mirror's history: what was synced, what was wrong with it, and what raised an alarm."""

from __future__ import annotations

from django.db import models


class MirrorState(models.Model):
    """One row per mirrored repository (today: one)."""

    name = models.CharField(max_length=50, unique=True, default="default")
    url = models.CharField(max_length=1000)
    ref = models.CharField(max_length=250)
    applied_commit = models.CharField(max_length=64, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    #: When the remote last answered; its age is the mirror's age.
    fetched_at = models.DateTimeField(null=True, blank=True)
    #: What the applied commit was read by. Empty: the next one has to be looked at whole.
    basis = models.CharField(max_length=64, blank=True, default="", db_default="")

    def __str__(self) -> str:
        """Where it mirrors from."""
        return f"{self.url}#{self.ref}"


class SyncRun(models.Model):
    """One attempt to follow the repository."""

    class Status(models.TextChoices):
        """How the attempt ended."""

        APPLIED = "applied"
        UNCHANGED = "unchanged"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status.choices)
    commit = models.CharField(max_length=64, blank=True)
    previous_commit = models.CharField(max_length=64, blank=True)
    prompts = models.PositiveIntegerField(default=0)
    versions = models.PositiveIntegerField(default=0)
    new_versions = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    duration_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        """Which commit, and how it went."""
        return f"sync {self.commit[:12]} {self.status}"


class StoredFinding(models.Model):
    """A finding of one sync."""

    sync = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="findings")
    path = models.CharField(max_length=1000)
    line = models.PositiveIntegerField()
    column = models.PositiveIntegerField()
    severity = models.CharField(max_length=10)
    code = models.CharField(max_length=60)
    message = models.TextField()
    hint = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        """Where and what."""
        return f"{self.path}:{self.line} {self.code}"


class MirrorAlarm(models.Model):
    """Something a person should look at. Serving goes on; the alarm stays until it is resolved."""

    class Kind(models.TextChoices):
        """What happened to the repository."""

        UNREACHABLE = "unreachable"
        BRANCH_MISSING = "branch_missing"
        HISTORY_REWRITTEN = "history_rewritten"
        VERSION_EDITED = "version_edited"
        VERSION_REMOVED = "version_removed"
        PROMPT_REMOVED = "prompt_removed"
        REPOSITORY_EMPTY = "repository_empty"
        REFUSED = "refused"
        TAGS_DIFFER = "tags_differ"
        WRITE_BACK = "write_back"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    #: What it is about: a path, a ref, `prompt:tag` or a URL without credentials.
    subject = models.CharField(max_length=1000)
    message = models.TextField()
    commit = models.CharField(max_length=64, blank=True)
    raised_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # An alarm that rings every minute is one alarm.
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=models.Q(resolved_at=None),
                name="alarm_rings_once",
            )
        ]

    def __str__(self) -> str:
        """What rings."""
        return f"{self.kind}: {self.subject}"
