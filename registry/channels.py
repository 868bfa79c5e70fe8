"""The ways out that are configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from django.conf import settings
from django.utils.module_loading import import_string

from core.errors import NotFoundError
from registry import githost, outbox, webhooks, writeback
from registry.models import OutboxMessage
from registry.writeback.status import CHANNEL

#: Seconds: soon again, as most outages are short; then every ten minutes for as long as it takes.
_GIT_WAITS = (5.0, 15.0, 60.0, 180.0, 600.0)
#: What Standard Webhooks recommends; given up after a day and three quarters.
_WEBHOOK_WAITS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0, 50_000.0)

#: An hour's outage costs nothing; after half a day nobody waits for a verdict any more.
_HOST_WAITS = (5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0)
#: Takes messages of `PROPOSAL_CHANGED` and `CHECK_REREQUESTED`. Evaluation follows pull requests
#: without the registry knowing it.
Follower = Callable[[Sequence[OutboxMessage]], None]


class ChannelUnknownError(NotFoundError):
    """There is no such way out."""

    code = "channel_unknown"
    hint = "it may have been taken out of the settings"


def channels() -> tuple[outbox.Channel, ...]:
    """Every channel, by the settings."""
    written = _write_back() if settings.WRITE_BACK else ()
    host = _git_host() if githost.is_on() else ()
    return (*written, *host, *(_webhook(*one) for one in receivers().items()))


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
        topics=outbox.PUBLIC,
        deliver=partial(webhooks.send_message, receiver),
        waits=_WEBHOOK_WAITS,
    )


def _git_host() -> tuple[outbox.Channel, ...]:
    """What is told to the Git host, and what it rang about: that is answered by asking it."""
    follow: Follower = import_string(settings.PROPOSAL_FOLLOWER)
    return (
        outbox.Channel(
            name="git host",
            topics=frozenset({outbox.Topic.HOST_REPORT}),
            deliver=githost.deliver,
            waits=_HOST_WAITS,
        ),
        outbox.Channel(
            name="proposals",
            topics=frozenset({outbox.Topic.PROPOSAL_CHANGED, outbox.Topic.CHECK_REREQUESTED}),
            deliver=follow,
            waits=_HOST_WAITS,
        ),
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
