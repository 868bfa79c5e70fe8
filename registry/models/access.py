"""People, tokens and one-time links."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from registry.domain.actor import Role


class User(AbstractUser):
    """A person. The role decides what the dashboard shows and what the server allows."""

    role = models.CharField(
        max_length=10, choices=[(r.value, r.value) for r in Role], default=Role.VIEWER.value
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role]), name="user_role_known"
            )
        ]


class ApiToken(models.Model):
    """A machine's credential. Only the SHA-256 of the token is kept; the token is shown once."""

    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=10))
    prompts = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A token that may do nothing is a mistake; a token nobody limited on purpose has all
            # scopes spelled out.
            models.CheckConstraint(condition=~Q(scopes=[]), name="token_has_scopes"),
            # The ledger says `token:ci`: that must be one credential at a time.
            models.UniqueConstraint(
                fields=["name"], condition=Q(revoked_at=None), name="token_name_once"
            ),
        ]

    def __str__(self) -> str:
        """The part that may be shown."""
        return f"{self.name} ({self.hint}…)"


class OneTimeLink(models.Model):
    """A link that signs one person in, once. Only its digest is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        """Whose link it is; never the link."""
        return f"link for {self.user.username}"


class AccessEvent(models.Model):
    """One change of who may do what. Append-only (a trigger in migration 0023); it holds no secret.

    Names, not keys: what is told stays true when a person is renamed or gone.
    """

    class Kind(models.TextChoices):
        """What was done."""

        MADE = "token_made", "token made"
        ENDED = "token_ended", "token ended"
        INVITED = "person_invited", "person invited"
        CHANGED = "person_changed", "person changed"  # another role, not let in, or let in again
        RESET = "password_reset", "password reset"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    #: Who is concerned, as the ledger of tags would name them: `token:ci`, `user:eda`.
    subject = models.CharField(max_length=200)
    actor = models.CharField(max_length=200)
    #: What it means, in a few words: "viewer → editor".
    told = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Nobody does anything in nobody's name.
            models.CheckConstraint(
                condition=~Q(actor="") & ~Q(subject=""), name="access_event_names_both"
            ),
        ]

    def __str__(self) -> str:
        """Who did what to whom."""
        return f"{self.actor}: {self.kind} {self.subject}"
