"""Celery entry points: ids in, one service call, safe twice."""

from __future__ import annotations

import logging

from celery import current_app, shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from registry import access, hooks, outbox, outcomes, sync
from registry.channels import channels

_log = logging.getLogger(__name__)
_DELIVER = "registry.deliver"


@shared_task(name=hooks.SYNC)
def sync_repository() -> None:
    """Follow the prompt repository. What goes wrong is in the alarms, not in a retry."""
    sync.sync()


@shared_task(name="registry.relay")
def relay() -> None:
    """Route new messages, and ring for each channel that has something to deliver.

    Nobody rings for this one when a tag moves: a rollback must not wait for a broker. It runs every
    few seconds instead.
    """
    now = timezone.now()
    outbox.route(channels(), now)
    for name in sorted(outbox.due_channels(now)):
        _ring(name)


@shared_task(name=_DELIVER)
def deliver(name: str) -> None:
    """Deliver what is due on a channel. What is left when the time is over is due again."""
    for channel in channels():
        if channel.name == name:
            outbox.deliver(channel)


@shared_task(name="registry.tidy")
def tidy() -> None:
    """Drop what nobody needs any more."""
    now = timezone.now()
    access.forget_answers(now=now)
    outbox.forget_delivered(now=now)
    outcomes.forget(now=now)
    hooks.forget_received(now=now)


def _ring(channel: str) -> None:
    """A channel that is slow finds one bell, not a pile of them, and holds up no other."""
    try:
        current_app.send_task(_DELIVER, args=[channel], expires=settings.OUTBOX_SWEEP_SECONDS)
    except OperationalError as error:
        _log.warning("no broker to ring %s: %s", channel, type(error).__name__)
