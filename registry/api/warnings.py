"""What an application's owner should know about the answer of a lookup."""

from __future__ import annotations

from registry import queries
from registry.lookup import Answer, expired_because
from registry.models.ledger import TagEvent


def warnings_of(answer: Answer) -> list[str]:
    """Sentences; empty when the version is certified and still in the repository."""
    found = []
    if answer.prompt.orphaned:
        found.append(f"{answer.prompt.name} is no longer in the repository")
    if answer.event is not None and not answer.proven:
        found.append(_unproven(answer.event))
    return found


def _unproven(event: TagEvent) -> str:
    evidence = queries.evidence_of(event)
    if evidence.certificate is None:
        how = evidence.get_kind_display().lower()
        return f"{event.version} was {how}, never certified"
    return (
        f"the certificate of {event.version} has expired: {expired_because(evidence.certificate)}"
    )
