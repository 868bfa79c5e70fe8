"""Work that must follow a commit, and answers that must not be computed twice."""

from __future__ import annotations

from django.db import models


class OutboxMessage(models.Model):
    """A fact to pass on, written in the transaction that made it true."""

    topic = models.CharField(max_length=60)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(delivered_at=None), name="outbox_waiting"
            )
        ]

    def __str__(self) -> str:
        """What it tells."""
        return f"{self.topic} #{self.pk}"


class IdempotencyRecord(models.Model):
    """The saved answer of a write: the same key and body get it again instead of a second write.

    Kept for a week.
    """

    #: Who asked: `user:7`, or `token:` and the token's digest. Names can be given again.
    credential = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    #: SHA-256 over method, path and body.
    request = models.CharField(max_length=64)
    #: Null while the first request is still being answered.
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["credential", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        """Whose key."""
        return f"{self.credential} {self.key}"
