"""Celery entry points: ids in, one service call, safe twice."""

from __future__ import annotations

from celery import shared_task

from registry import sync


@shared_task(name="registry.sync")
def sync_repository() -> None:
    """Follow the prompt repository. What goes wrong is in the alarms, not in a retry."""
    sync.sync()
