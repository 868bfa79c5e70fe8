"""The ways out that are configured."""

from __future__ import annotations

from functools import partial

from django.conf import settings

from core.errors import NotFoundError
from registry import outbox, webhooks, writeback
from registry.writeback.status import CHANNEL

#: Seconds: soon again, as most outages are short; then every ten minutes for as long as it takes.
_GIT_WAITS = (5.0, 15.0, 60.0, 180.0, 600.0)
#: What Standard Webhooks recommends; given up after a day and three quarters.
_WEBHOOK_WAITS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0, 50_000.0)


class ChannelUnknownError(NotFoundError):
    """There is no such way out."""

    code = "channel_unknown"
    hint = "it may have been taken out of the settings"


def channels() -> tuple[outbox.Channel, ...]:
    """Every channel, by the settings."""
    written = _write_back() if settings.WRITE_BACK else ()
    return (*written, *(_webhook(*one) for one in receivers().items()))


def channel(name: str) -> outbox.Channel:
    """The one with this name. Raises ChannelUnknownError."""
    for one in channels():
        if one.name == name:
            return one
    raise ChannelUnknownError(f"no channel is called {name[:100]!r}")


def receivers() -> dict[str, webhooks.Receiver]:
    """Who is told by webhooks, by the names of their channels."""
    made = [webhooks.Receiver(*one, allowed=settings.WEBHOOK_ALLOW) for one in settings.WEBHOOKS]
    return {f"webhook {receiver.name}": receiver for receiver in made}


def _webhook(name: str, receiver: webhooks.Receiver) -> outbox.Channel:
    return outbox.Channel(
        name=name,
        topics=frozenset(outbox.Topic),
        deliver=partial(webhooks.send_message, receiver),
        waits=_WEBHOOK_WAITS,
    )


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
