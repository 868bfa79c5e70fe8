"""How many there are of each: for metrics."""

from __future__ import annotations

from django.db.models import (
    Case,
    CharField,
    Count,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Now

from registry.models import (
    Certificate,
    OutboxMessage,
    SyncRun,
)
from registry.models.ledger import Tag, TagEvent


def tags_by_evidence() -> dict[tuple[str, str], int]:
    """How many live tags of each name stand on which evidence: `proven` (a certificate that holds),
    `expired` (one that held), `overridden`, or `adopted`. Cleared tags are left out.
    """
    # What a rollback restores is where its evidence is; see `evidence_of`.
    proof = Coalesce("event__certificate", "event__restores__certificate")
    kind = Coalesce("event__restores__kind", "event__kind")
    holds = Q(proof__isnull=False, pk__in=_proven_tags())
    state = Case(
        When(holds, then=Value("proven")),
        When(proof__isnull=False, then=Value("expired")),
        default="kind",
        output_field=CharField(),
    )
    live = Tag.objects.filter(event__version__isnull=False).annotate(proof=proof, kind=kind)
    rows = live.annotate(state=state).values_list("name", "state").annotate(Count("pk"))
    return {(name, state): count for name, state, count in rows.order_by()}


def _proven_tags() -> QuerySet[Tag, int]:
    holds = Q(expired_at=None) & (Q(valid_until=None) | Q(valid_until__gt=Now()))
    certificates = Certificate.objects.filter(holds)
    own = Q(event__certificate__in=certificates)
    restored = Q(event__restores__certificate__in=certificates)
    return Tag.objects.filter(own | restored).values_list("pk", flat=True)


def moves_by_kind() -> dict[str, int]:
    """How many ledger entries there are of each kind."""
    rows = TagEvent.objects.order_by().values_list("kind").annotate(Count("pk"))
    return dict(rows)


def syncs_by_status() -> dict[str, int]:
    """How many attempts to follow the repository ended how."""
    return dict(SyncRun.objects.order_by().values_list("status").annotate(Count("pk")))


def undelivered_messages() -> int:
    """Facts that were not passed on yet."""
    return OutboxMessage.objects.filter(delivered_at=None).count()
