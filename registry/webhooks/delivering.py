"""What a receiver is told, and how it knows that it is us."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from registry import queries
from registry.domain.webhook_signature import sign
from registry.models import OutboxMessage
from registry.models.ledger import TagEvent
from registry.outbox import Topic
from registry.webhooks.sending import Receiver, post


def send_message(receiver: Receiver, messages: Sequence[OutboxMessage]) -> None:
    """Send one message. Its id stays the same when it is sent again, so a receiver can tell.

    Raises what `sending.post` raises.
    """
    [message] = messages
    body = json.dumps(
        {
            "type": message.topic,
            "timestamp": message.created_at.isoformat(),
            "data": _data(message),
        },
        ensure_ascii=False,
    ).encode()
    name, stamp = f"msg_{message.pk}", str(int(timezone.now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Assay",
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": sign(receiver.secret, name, stamp, body),
    }
    post(receiver, body, headers)


def _data(message: OutboxMessage) -> dict[str, Any]:
    """The facts. A move is told by its ledger entry, which never changes."""
    if message.topic == Topic.TAG_MOVED:
        return _move(queries.ledger_entry(message.payload["event"]))
    return dict(message.payload)


def _move(event: TagEvent) -> dict[str, Any]:
    before = event.previous.version if event.previous else None
    return {
        "prompt": event.prompt.name,
        "tag": event.tag,
        "kind": event.kind,
        "from_version": before.number if before else None,
        "version": event.version.number if event.version else None,
        "model": event.model.name if event.model else None,
        "weight": event.weight,
        "actor": event.actor,
        "reason": event.reason,
        "revision": event.sequence,
        "registry_revision": event.registry_revision,
        "certificate": event.certificate.digest if event.certificate else None,
    }
