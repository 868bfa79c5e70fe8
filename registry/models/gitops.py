"""Between the ledger and the repository: what was written back, and what was asked for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class WriteBack(models.Model):
    """A commit of ours with moves of tags in it, noted before it is sent to the repository.

    What a sync meets there and finds here asks for nothing. One that never arrived is followed by
    one that did.
    """

    commit = models.CharField(max_length=64, unique=True)
    #: The commit it was made on.
    base = models.CharField(max_length=64)
    moves = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        """Which commit."""
        return f"write-back {self.commit[:12]}"


class TagRequest(models.Model):
    """A merged change to tags.yaml: its author asks for a move, and the gate answers."""

    class Status(models.TextChoices):
        """What became of it."""

        WAITING = "waiting"
        GRANTED = "granted"
        REFUSED = "refused"

    prompt = models.CharField(max_length=200)
    tag = models.CharField(max_length=100)
    #: Null: the line was taken away.
    version = models.PositiveIntegerField(null=True, blank=True)
    model = models.CharField(max_length=100, blank=True)
    weight = models.PositiveSmallIntegerField(null=True, blank=True)
    commit = models.CharField(max_length=64)
    author = models.CharField(max_length=320)
    commit_subject = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING.value)
    #: Why it was refused: an error's code, and its sentence.
    code = models.CharField(max_length=60, blank=True)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A commit asks once, however often it is applied.
            models.UniqueConstraint(fields=["commit", "prompt", "tag"], name="request_once"),
            models.CheckConstraint(
                condition=Q(status="waiting", decided_at=None)
                | ~Q(status="waiting") & Q(decided_at__isnull=False),
                name="request_is_decided_once",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(status="waiting"), name="request_waiting")
        ]

    def __str__(self) -> str:
        """What is asked for."""
        return f"{self.prompt}:{self.tag} by {self.commit[:12]}"
