"""Suites as they were measured."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


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
    #: Only proposals had it: no sync has seen it in the repository.
    is_proposed = models.BooleanField(default=False, db_default=False)
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
