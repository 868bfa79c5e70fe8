"""Work that must follow a commit, and answers that must not be computed twice."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class OutboxMessage(models.Model):
    """A fact to pass on, written in the transaction that made it true."""

    topic = models.CharField(max_length=60)
    #: What it is about, such as `support-chat:stable`. Facts about one subject keep their order.
    subject = models.CharField(max_length=320, blank=True)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    #: When it was decided which channels get it.
    routed_at = models.DateTimeField(null=True, blank=True)
    #: When no channel waits for it any more.
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(delivered_at=None), name="outbox_waiting"),
            models.Index(fields=["id"], condition=Q(routed_at=None), name="outbox_unrouted"),
        ]

    def __str__(self) -> str:
        """What it tells."""
        return f"{self.topic} #{self.pk}"


class OutboxDelivery(models.Model):
    """One message on its way through one channel."""

    message = models.ForeignKey(OutboxMessage, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=60)
    #: The message's.
    subject = models.CharField(max_length=320, blank=True)
    #: Tries begun. It counts before the try, so that a message that kills its worker is noticed.
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    #: Who tries now; whoever claimed it before has no say any more.
    claim = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    #: Given up: a person has to look.
    dead_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["message", "channel"], name="delivery_once_a_channel"),
            models.CheckConstraint(
                condition=Q(delivered_at=None) | Q(dead_at=None), name="delivery_ends_one_way"
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel", "subject", "id"],
                condition=Q(delivered_at=None, dead_at=None),
                name="delivery_waiting",
            )
        ]

    def __str__(self) -> str:
        """What goes where."""
        return f"{self.message} to {self.channel}"


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
