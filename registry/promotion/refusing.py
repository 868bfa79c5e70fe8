"""What the gate refuses is told to the outside, as what it lets through is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from registry import outbox
from registry.domain.actor import Actor
from registry.errors import NotCertifiedError


@contextmanager
def telling_refusals(actor: Actor) -> Iterator[None]:
    """Leave a message when there is no evidence for a move. Around the move's transaction, whose
    end would take the message with it.
    """
    try:
        yield
    except NotCertifiedError as error:
        facts = {key: error.fields.get(key) for key in ("prompt", "tag", "version", "model")}
        outbox.tell(
            outbox.Topic.GATE_REFUSED,
            f"{facts['prompt']}:{facts['tag']}",
            {
                **facts,
                "actor": actor.name,
                "message": error.message,
                "reasons": error.fields.get("reasons", []),
            },
        )
        raise
