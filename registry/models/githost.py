"""What the Git host should show beside a commit, and what it shows already."""

from __future__ import annotations

from django.db import models


class HostReport(models.Model):
    """One status of one commit, with its check run and its pull request's comment.

    Written where the facts are; a channel of the outbox makes the host show the newest state.
    """

    class State(models.TextChoices):
        """What is to be shown; each host has words of its own for it."""

        QUEUED = "queued"
        RUNNING = "running"
        PASSED = "passed"
        FAILED = "failed"
        UNDECIDED = "undecided"
        BROKEN = "broken"
        CANCELLED = "cancelled"

    #: Nothing follows one of these.
    ENDED = (State.PASSED, State.FAILED, State.UNDECIDED, State.BROKEN, State.CANCELLED)

    #: Instead of its id: the host lets us make none.
    NO_CHECK_RUN = "none"

    commit = models.CharField(max_length=64)
    #: `assay/check`, `assay/tags`: what the host lists it under.
    context = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State.choices)
    #: A line of plain text.
    title = models.CharField(max_length=300)
    #: Markdown of the check run.
    summary = models.TextField(blank=True)
    #: Where people read more; empty when nobody said how this server is reached.
    address = models.CharField(max_length=1000, blank=True)
    #: `Finding` by `Finding`, to be shown at their lines.
    findings = models.JSONField(default=list)
    pull_request = models.PositiveIntegerField(null=True, blank=True)
    #: Markdown of the pull request's comment; empty: it is left as it is.
    comment = models.TextField(blank=True)
    #: Grows with every change, and how much of it the host has.
    revision = models.PositiveIntegerField(default=1)
    shown = models.PositiveIntegerField(default=0)
    #: The host's ids, so that it is changed and not made twice.
    check_run = models.CharField(max_length=40, blank=True)
    findings_shown = models.PositiveIntegerField(default=0)
    #: How often it began again after it had ended: then the host gets another check run.
    round = models.PositiveIntegerField(default=1, db_default=1)
    comment_id = models.CharField(max_length=40, blank=True)
    #: SHA-256 of the comment that this report showed last.
    comment_shown = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["commit", "context"], name="host_report_once")
        ]
        indexes = [models.Index(fields=["pull_request"], name="host_report_of_pull_request")]

    def __str__(self) -> str:
        """What it says of which commit."""
        return f"{self.context} of {self.commit[:12]}: {self.state}"
