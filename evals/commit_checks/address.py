"""Where people look at a check."""

from __future__ import annotations

from django.conf import settings

from evals.models import CommitCheck


def path_of(check: CommitCheck) -> str:
    """The path of its page on this server."""
    return f"/checks/{check.pk}"


def page_of(check: CommitCheck) -> str:
    """The address of its page; empty where nobody said how this server is reached."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path_of(check)}" if settings.PUBLIC_URL else ""
