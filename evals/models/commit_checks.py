"""Checks of proposed commits, and the versions they propose: nothing here can be served.

A certificate and a tag refer to published versions; there is no column that could hold one of
these.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")


class ProposedVersion(models.Model):
    """A version as a commit proposes it, by content: it can be evaluated, and nothing else."""

    prompt_name = models.CharField(max_length=200)
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    #: Where it was seen first.
    commit = models.CharField(max_length=64)
    path = models.CharField(max_length=1000)
    #: `VersionContent.to_json()`.
    content = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["prompt_name", "-number", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["prompt_name", "number", "digest"], name="proposed_content_once"
            ),
        ]

    def __str__(self) -> str:
        """`support-chat@v4`."""
        return f"{self.prompt_name}@v{self.number}"


class CommitCheck(models.Model):
    """What a proposed commit does, against what is live: linted, evaluated, judged.

    PostgreSQL is the queue, as for runs: workers hold a lease while they prepare one, and whoever
    comes next does again what is not stored.
    """

    class Status(models.TextChoices):
        """Where the check is; the verdict is a different question."""

        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"

    #: A check in one of these may be worked on.
    LIVE = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    head = models.CharField(max_length=64)
    #: What the commit is proposed for, as it was named: a commit, or zeros for nothing.
    base = models.CharField(max_length=64)
    #: The newest commit that both have in their history; empty until it is known.
    fork = models.CharField(max_length=64, blank=True)
    #: Instead of each prompt's own; empty: its own.
    model = models.CharField(max_length=100, blank=True)
    #: Its number at the Git host; null when no pull request was named.
    pull_request = models.PositiveIntegerField(null=True, blank=True)
    title = models.CharField(max_length=300, blank=True)
    #: From a fork that nobody let in: it is linted, and no model is asked.
    is_held = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    verdict = models.CharField(max_length=12, blank=True)
    #: The verdict in sentences.
    sentences = models.JSONField(default=list)
    #: Nobody waits for it any more: a newer head came, or somebody cancelled it.
    is_cancelled = models.BooleanField(default=False)
    #: The person or token that cancelled it; empty for a check that ended of itself.
    cancelled_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    #: What changed and what is wrong with it: `ChangeReport.to_json()`; empty until prepared.
    change = models.JSONField(default=dict)
    #: The evaluation as a comment tells it, and the whole comment; empty until it is done.
    report_markdown = models.TextField(blank=True)
    comment_markdown = models.TextField(blank=True)
    #: Who prepares it now.
    owner = models.CharField(max_length=100, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    #: Preparations begun. More than some: the commit kills workers.
    attempts = models.PositiveSmallIntegerField(default=0)
    #: What the Git host was told of its progress last.
    told = models.CharField(max_length=100, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    prepared_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="check_verdict_when_done",
                condition=Q(status="done", verdict__in=VERDICTS)
                | ~Q(status="done") & Q(verdict=""),
            ),
            # Asking twice for the same while it goes on is asking once.
            models.UniqueConstraint(
                fields=["head", "base", "model", "is_held"],
                condition=Q(status__in=["queued", "running"]),
                name="check_once_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="check_newest_first"),
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["queued", "running"]),
                name="check_to_work_on",
            ),
            models.Index(fields=["pull_request", "-created_at"], name="check_of_pull_request"),
        ]

    def __str__(self) -> str:
        """Which commit."""
        return f"check of {self.head[:12]}"


class CheckedPrompt(models.Model):
    """One prompt of a check: what is proposed for it, and the run that measures it."""

    commit_check = models.ForeignKey(CommitCheck, on_delete=models.CASCADE, related_name="prompts")
    prompt = models.CharField(max_length=200)
    #: Null: the change brings no version; what is live is measured with what changed around it.
    number = models.PositiveIntegerField(null=True, blank=True)
    #: Null when there was nothing to evaluate, or it could not be.
    run = models.OneToOneField(
        "evals.EvalRun", null=True, blank=True, on_delete=models.PROTECT, related_name="checked"
    )
    #: Without a run: what that means for the check (empty: nothing), and why.
    verdict = models.CharField(max_length=12, blank=True)
    reasons = models.JSONField(default=list)

    class Meta:
        ordering = ["prompt"]
        constraints = [
            models.UniqueConstraint(fields=["commit_check", "prompt"], name="checked_prompt_once"),
            # A run has a verdict of its own.
            models.CheckConstraint(
                name="checked_prompt_says_it_once", condition=Q(run=None) | Q(verdict="")
            ),
        ]

    def __str__(self) -> str:
        """Which prompt."""
        return self.prompt
