"""Facts for the outside world: written in the transaction that made them true, passed on after it.

A message is routed to the channels that want its topic, then each channel delivers it on its own
time. Nothing here needs a broker: a task is only a wake-up, claims are leases in PostgreSQL.
"""

from __future__ import annotations

from registry.outbox.channel import Channel, PermanentDeliveryError
from registry.outbox.delivering import deliver, due_channels, undelivered
from registry.outbox.pruning import forget_delivered
from registry.outbox.retrying import Standing, deliveries, given_up, retry, standings
from registry.outbox.routing import route
from registry.outbox.telling import PUBLIC, Fact, Topic, tell, tell_all

__all__ = [
    "PUBLIC",
    "Channel",
    "Fact",
    "PermanentDeliveryError",
    "Standing",
    "Topic",
    "deliver",
    "deliveries",
    "due_channels",
    "forget_delivered",
    "given_up",
    "retry",
    "route",
    "standings",
    "tell",
    "tell_all",
    "undelivered",
]
