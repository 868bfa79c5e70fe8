"""Webhooks that were received."""

from __future__ import annotations

from django.db import models


class HookDelivery(models.Model):
    """A webhook that was let in: once in an hour, after which its row may be gone."""

    host = models.CharField(max_length=20)
    #: The host's own id of it. Not every host signs it, so the body counts as well.
    delivery = models.CharField(max_length=255)
    #: SHA-256 of the body (and of the time, where the host signs one).
    content = models.CharField(max_length=64)
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["host", "delivery"], name="hook_delivery_once"),
            models.UniqueConstraint(fields=["host", "content"], name="hook_content_once"),
        ]

    def __str__(self) -> str:
        """Which one."""
        return f"{self.host} {self.delivery}"
