"""Server-side commands behind `assay migrate`, `rebuild` and `token`: they need the database."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import django

#: Who is at this machine has no name here.
_BY = "shell"


def _start() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()


def migrate() -> None:
    """Bring the database's tables up to date."""
    _start()
    from django.core.management import call_command

    call_command("migrate", verbosity=1)


def rebuild() -> dict[str, Any]:
    """Make an empty database what the repository says."""
    _start()
    from django.core.management import call_command

    from registry import rebuilding

    call_command("migrate", verbosity=0)
    return asdict(rebuilding.rebuild())


def token_create(
    name: str, scopes: list[str], prompts: list[str], expires_days: int | None = None
) -> dict[str, Any]:
    """A new token; `token` is shown this once."""
    _start()
    from django.utils import timezone

    from registry import access

    expires_at = timezone.now() + timedelta(days=expires_days) if expires_days else None
    row, secret = access.create_token(
        name=name, scopes=scopes, prompts=prompts, created_by=_BY, expires_at=expires_at
    )
    return {"token": secret, **_shown(row)}


def token_renew(name: str, scopes: list[str], expires_days: int) -> dict[str, Any]:
    """As `token_create`, after ending the token that has this name."""
    _start()
    from django.utils import timezone

    from registry import access

    if earlier := access.live_token(name):
        access.revoke_token(token_id=earlier.pk, by=_BY, now=timezone.now())
    return token_create(name, scopes, [], expires_days=expires_days)


def token_list() -> list[dict[str, Any]]:
    """Every token, newest first, without its secret."""
    _start()
    from registry.models import ApiToken

    return [_shown(row) for row in ApiToken.objects.all()]


def token_revoke(id: int) -> dict[str, Any]:  # noqa: A002 - the name users type
    """End a token."""
    _start()
    from django.utils import timezone

    from registry import access

    return _shown(access.revoke_token(token_id=id, by=_BY, now=timezone.now()))


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "hint": row.hint,
        "scopes": row.scopes,
        "prompts": row.prompts,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
    }
