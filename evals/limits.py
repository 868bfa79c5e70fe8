"""How long one call of a worker may take, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from serving.patience import Patience


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one call works, in seconds: after `budget` nothing new is leased, after `drain`
    more what is still being asked is given back. Both together stay below Celery's limit.
    """

    budget_seconds: float = 1200.0
    drain_seconds: float = 240.0
    #: How often a worker looks whether its run and its leases are still its own.
    look_seconds: float = 1.0
    #: Three minutes: a small vLLM that is started anew answers after one, and a run that gives up
    #: in the meantime has lost what it paid for. What breaks before the first answer fails at once.
    patience: Patience = field(default_factory=lambda: Patience(tries=9))


DEFAULT_LIMITS = Limits()
