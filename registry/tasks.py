"""Celery entry points: ids in, one service call, safe twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from registry import access, outcomes, sync


@shared_task(name="registry.sync")
def sync_repository() -> None:
    """Follow the prompt repository. What goes wrong is in the alarms, not in a retry."""
    sync.sync()


@shared_task(name="registry.tidy")
def tidy() -> None:
    """Drop what nobody needs any more."""
    access.forget_answers(now=timezone.now())
    outcomes.forget(now=timezone.now())
