"""What is live, how it came to be, and with which evidence.

The tag points at a ledger entry, never at a version, and the entry cannot exist without its
evidence: constraints here, triggers in migration 0002. Only `registry.promotion` writes here.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from registry.models.content import ModelVersion, Prompt, PromptVersion


class Certificate(models.Model):
    """Proof that a version passed: exactly this version, model, fingerprint, suites and policy."""

    prompt_version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT)
    fingerprint = models.CharField(max_length=64)
    suite_digest = models.CharField(max_length=64)
    policy = models.CharField(max_length=100)
    policy_digest = models.CharField(max_length=64)
    verdict = models.CharField(max_length=12)
    #: The evaluation run, by its public id: evaluation lives a storey above.
    run = models.UUIDField(unique=True)
    evidence = models.JSONField()
    digest = models.CharField(max_length=64, unique=True)
    #: Certificates that come back with a repository keep the time they were issued at.
    issued_at = models.DateTimeField(default=timezone.now, editable=False)
    valid_until = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    expired_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(verdict="PASS"), name="certificate_only_for_pass"),
            models.CheckConstraint(
                condition=~Q(fingerprint="") & ~Q(suite_digest="") & ~Q(policy_digest=""),
                name="certificate_names_all_it_proves",
            ),
        ]

    def __str__(self) -> str:
        """Short enough for a table."""
        return f"{self.prompt_version} on {self.model_version}: {self.digest[:12]}"


class Release(models.Model):
    """Several tags moved together or not at all."""

    actor = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        """The number people cite."""
        return f"release {self.pk}"


class TagEvent(models.Model):
    """One move of one tag. Append-only; the events of a tag form one chain."""

    class Kind(models.TextChoices):
        """Why the tag moved, and so which evidence the entry must carry."""

        ADOPTED = "adopted"  # the commit that said so at first contact, and its certificate
        PROMOTED = "promoted"  # a certificate
        ROLLED_BACK = "rolled_back"  # the earlier entry it restores
        OVERRIDDEN = "overridden"  # an admin's reason
        CLEARED = "cleared"  # points at nothing any more

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="events")
    tag = models.CharField(max_length=100)
    sequence = models.PositiveIntegerField()
    previous = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="next"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    version = models.ForeignKey(PromptVersion, null=True, blank=True, on_delete=models.PROTECT)
    model = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT)
    #: Percent of keyed traffic; canary only.
    weight = models.PositiveSmallIntegerField(null=True, blank=True)
    actor = models.CharField(max_length=200)
    role = models.CharField(max_length=20)
    reason = models.TextField(blank=True)
    certificate = models.ForeignKey(
        Certificate, null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    restores = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="restored_by"
    )
    #: Whose word it is, when it came from the repository at first contact: then evidence that went
    #: on since is not asked for, and no tag may stand there yet (trigger of migration 0022).
    commit = models.CharField(max_length=64, blank=True)
    release = models.ForeignKey(
        Release, null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    #: The registry's revision after this move: grows with every move of any tag, in commit order.
    registry_revision = models.BigIntegerField()
    #: A ledger that comes back with its repository keeps its times.
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["prompt", "tag", "sequence"], name="event_sequence_once"
            ),
            models.CheckConstraint(
                condition=Q(sequence=1, previous=None) | Q(sequence__gt=1, previous__isnull=False),
                name="event_chain_has_one_start",
            ),
            models.CheckConstraint(
                name="event_has_its_evidence",
                condition=(
                    Q(kind="adopted", version__isnull=False) & ~Q(commit="")
                    | Q(kind="promoted", certificate__isnull=False, model__isnull=False)
                    | Q(kind="rolled_back", restores__isnull=False)
                    | Q(kind="overridden", role="admin") & ~Q(reason="")
                    # `stable` can be moved, never taken away.
                    | Q(kind="cleared", version=None, model=None) & ~Q(tag="stable")
                ),
            ),
            models.CheckConstraint(
                name="event_points_at_a_version",
                condition=Q(kind="cleared") | Q(version__isnull=False),
            ),
            models.CheckConstraint(
                name="event_weight_only_on_canary",
                condition=Q(tag="canary", version__isnull=False, weight__range=(0, 100))
                | Q(weight=None) & (~Q(tag="canary") | Q(version=None)),
            ),
            models.CheckConstraint(
                condition=~Q(previous=F("id")), name="event_does_not_follow_itself"
            ),
        ]

    def __str__(self) -> str:
        """One ledger line."""
        return f"{self.prompt.name} {self.tag} #{self.sequence} {self.kind}"


class Tag(models.Model):
    """A live pointer: one per prompt and name, always at the newest event of its chain."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="tags")
    name = models.CharField(max_length=100)
    event = models.OneToOneField(TagEvent, on_delete=models.PROTECT, related_name="+")
    #: Equals the event's sequence; what `If-Match` compares.
    revision = models.PositiveIntegerField()

    class Meta:
        ordering = ["prompt", "name"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "name"], name="tag_one_live_pointer")
        ]

    def __str__(self) -> str:
        """`support-chat:stable`."""
        return f"{self.prompt.name}:{self.name}"


class RegistryState(models.Model):
    """One row: the revision counter of the whole registry. Its row lock puts moves in order.

    The row is always there: migration 0018 makes it, and it tells when `incarnation` is made anew.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    revision = models.BigIntegerField(default=0)
    #: Revisions of one incarnation can be compared; of two incarnations the greater is the later.
    incarnation = models.CharField(max_length=20)
    #: Where the database was when the incarnation was made.
    place = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="registry_state_is_one_row")]

    def __str__(self) -> str:
        """The counter."""
        return str(self.revision)
