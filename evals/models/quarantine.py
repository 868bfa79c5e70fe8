"""Cases that are known to be flaky, and who looks after them."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from registry.models import Prompt

#: Long enough to mend a case, too short to forget it.
LONGEST = timedelta(days=30)


class QuarantinedCase(models.Model):
    """One quarantine from its beginning to its end. It is lifted, never deleted: whoever reads an
    old verdict can see what stood behind it.
    """

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="+")
    #: By name: it outlives changes of the suite.
    suite = models.CharField(max_length=200)
    case = models.CharField(max_length=200)
    #: Who sees to it that the case is mended; anything people understand.
    owner = models.CharField(max_length=200)
    reason = models.TextField()
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    #: Somebody ended it before its time; empty and null otherwise.
    lifted_by = models.CharField(max_length=200, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A quarantine nobody ends is a case nobody mends.
            models.CheckConstraint(
                name="quarantine_ends_in_time",
                condition=Q(expires_at__gt=F("created_at"))
                & Q(expires_at__lte=F("created_at") + LONGEST),
            ),
            models.CheckConstraint(
                name="quarantine_has_owner_and_reason",
                condition=~Q(owner="") & ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="quarantine_lifted_by_somebody",
                condition=Q(lifted_at=None, lifted_by="")
                | (Q(lifted_at__isnull=False) & ~Q(lifted_by="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["prompt", "suite", "case"],
                condition=Q(lifted_at=None),
                name="quarantine_not_lifted",
            )
        ]

    def __str__(self) -> str:
        """Which case, until when."""
        return f"{self.suite}/{self.case} until {self.expires_at:%Y-%m-%d}"
