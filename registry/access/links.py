"""One-time links: how a person without a password gets in, once."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from registry.access.changes import record
from registry.access.tokens import token_digest
from registry.domain.actor import Role
from registry.errors import CredentialsInvalidError
from registry.models import AccessEvent, OneTimeLink, User

_FIRST_LINK_LIFETIME = timedelta(hours=1)


def first_admin_link(base_url: str) -> str | None:
    """A one-time link for the first admin; None once somebody has an account that can sign in.

    There is no default password: who can read the server's output is the admin.
    """
    with transaction.atomic():
        admin = User.objects.select_for_update(no_key=True).filter(username="admin").first()
        # A link that was used and no password chosen: the next start prints another.
        if User.objects.exclude(username="admin").exists() or (
            admin and admin.has_usable_password()
        ):
            return None
        if admin is None:
            admin = User(username="admin", role=Role.ADMIN)
            admin.set_unusable_password()
            admin.save()
            subject, actor = f"user:{admin.username}", "system:start"
            told = f"as {admin.role}"
            record(AccessEvent.Kind.INVITED, subject=subject, actor=actor, told=told)
        return f"{base_url}/welcome/{new_link(admin, _FIRST_LINK_LIFETIME)}/"


def new_link(user: User, lifetime: timedelta) -> str:
    """The secret of a fresh link; earlier ones of this person end."""
    secret = secrets.token_urlsafe(32)
    OneTimeLink.objects.filter(user=user, used_at=None).delete()
    OneTimeLink.objects.create(
        user=user, digest=token_digest(secret), expires_at=timezone.now() + lifetime
    )
    return secret


def check_link(secret: str, *, now: datetime) -> OneTimeLink:
    """The unused link with this secret, not yet used. Raises CredentialsInvalidError."""
    link = OneTimeLink.objects.select_related("user").filter(digest=token_digest(secret)).first()
    if link is None or link.used_at is not None or link.expires_at <= now:
        raise CredentialsInvalidError(
            "this link was used already or is too old",
            hint="ask an admin for another; the first admin's is printed when the server starts",
        )
    return link


def redeem_link(secret: str, *, now: datetime) -> User:
    """Use a one-time link up and return whose it is. Raises CredentialsInvalidError."""
    link = check_link(secret, now=now)
    # The conditional update decides between two who click at once.
    used = OneTimeLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now)
    if not used:
        raise CredentialsInvalidError("this link was used already")
    return link.user
