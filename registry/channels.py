"""The ways out that are configured."""

from __future__ import annotations

from django.conf import settings

from registry import outbox, writeback
from registry.writeback.status import CHANNEL

#: Seconds: soon again, as most outages are short; then every ten minutes for as long as it takes.
_GIT_WAITS = (5.0, 15.0, 60.0, 180.0, 600.0)


def channels() -> tuple[outbox.Channel, ...]:
    """Every channel, by the settings."""
    return _write_back() if settings.WRITE_BACK else ()


def _write_back() -> tuple[outbox.Channel, ...]:
    return (
        outbox.Channel(
            name=CHANNEL,
            topics=frozenset({outbox.Topic.TAG_MOVED}),
            deliver=writeback.write_back,
            waits=_GIT_WAITS,
            # What is live counts, not the way there: moves that wait are one commit.
            batch=500,
            is_ordered=False,
            keeps_trying=True,
        ),
    )
