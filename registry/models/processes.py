"""The processes that answer lookups."""

from __future__ import annotations

from django.db import models


class LookupProcess(models.Model):
    """A process that answers lookups, by its own account; it takes its row away when it ends.

    The table is unlogged: after a crash all of them say it again.
    """

    #: Made by the process when it starts: a pid can be given again.
    id = models.UUIDField(primary_key=True)
    #: `web` or `stream`.
    listener = models.CharField(max_length=10)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    #: What it knows: every answer it gives from now on is at least that new.
    incarnation = models.CharField(max_length=20)
    revision = models.BigIntegerField()
    #: By the database's clock.
    heard_at = models.DateTimeField()

    class Meta:
        ordering = ["listener", "host", "pid"]

    def __str__(self) -> str:
        """What `ps` knows it by."""
        return f"{self.listener} {self.pid} on {self.host}"
