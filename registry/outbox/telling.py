"""Write facts down, in the transaction that makes them true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from registry.models import OutboxMessage


class Topic(StrEnum):
    """What may be told."""

    VERSION_PUBLISHED = "version.published"
    RUN_FINISHED = "run.finished"
    TAG_MOVED = "tag.moved"
    MODEL_DRIFTED = "model.drifted"
    GATE_REFUSED = "gate.refused"
    #: For ourselves: the Git host has something new to show, or rang about a pull request,
    #: or somebody pressed a button there.
    HOST_REPORT = "host.report"
    PROPOSAL_CHANGED = "proposal.changed"
    CHECK_REREQUESTED = "check.rerequested"


#: What receivers of webhooks are told.
PUBLIC = frozenset(Topic) - {
    Topic.HOST_REPORT,
    Topic.PROPOSAL_CHANGED,
    Topic.CHECK_REREQUESTED,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """`subject` is what it is about: facts about one subject reach everybody in their order."""

    topic: Topic
    subject: str
    payload: Mapping[str, Any]


def tell(topic: Topic, subject: str, payload: Mapping[str, Any]) -> None:
    """Leave a message. Joins the caller's transaction."""
    OutboxMessage.objects.create(topic=topic.value, subject=subject, payload=dict(payload))


def tell_all(facts: Iterable[Fact]) -> None:
    """Leave many messages at once. Joins the caller's transaction."""
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(topic=one.topic.value, subject=one.subject, payload=dict(one.payload))
            for one in facts
        ],
        batch_size=1000,
    )
