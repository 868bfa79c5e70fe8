"""API tokens: machines' credentials, shown once and kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from core.errors import InvalidError, NotFoundError
from registry.access.changes import record
from registry.domain.actor import Actor, Scope
from registry.errors import CredentialsInvalidError
from registry.models import AccessEvent, ApiToken

TOKEN_PREFIX = "assay_"  # noqa: S105 - so that secret scanners recognise a leaked token
_LONGEST_GLOB = 200


class TokenUnknownError(NotFoundError):
    """There is no such token."""

    code = "token_unknown"


class TokenInvalidError(InvalidError):
    """The token asked for makes no sense."""

    code = "token_invalid"


def token_digest(secret: str) -> str:
    """What is kept of a secret."""
    # A whole SHA-256 over 256 random bits: no salt or stretching is needed, and no prefix of the
    # token is ever a key (that is how identities were swapped elsewhere).
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def create_token(
    *,
    name: str,
    scopes: Sequence[str],
    created_by: str,
    prompts: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown this once.

    No two tokens that are not revoked have one name. Raises TokenInvalidError.
    """
    known = [scope.value for scope in Scope]
    unknown = sorted(set(scopes) - set(known))
    if unknown or not scopes:
        raise TokenInvalidError(
            f"unknown scope {', '.join(unknown)}" if unknown else "a token needs a scope",
            hint=f"choose from {', '.join(known)}",
        )
    if not name.strip() or len(name) > 100:
        raise TokenInvalidError("a token needs a name of 1 to 100 characters")
    if not all(0 < len(glob) <= _LONGEST_GLOB for glob in prompts):
        raise TokenInvalidError("a token is limited by a glob of 1 to 200 characters, or by none")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    made = ApiToken(
        name=name.strip(),
        digest=token_digest(secret),
        hint=secret[: len(TOKEN_PREFIX) + 4],
        scopes=sorted(set(scopes), key=known.index),
        prompts=list(prompts),
        created_by=created_by,
        expires_at=expires_at,
    )
    _save_under_its_name(made)
    return made, secret


def _save_under_its_name(token: ApiToken) -> None:
    """The database decides between two who take a name at once. Raises TokenInvalidError."""
    try:
        with transaction.atomic():
            token.save()
            record(
                AccessEvent.Kind.MADE,
                subject=f"token:{token.name}",
                actor=token.created_by,
                told=_allows(token),
            )
    except IntegrityError as error:
        other = live_token(token.name)
        if other is None:
            raise
        raise TokenInvalidError(
            f"there is a token {token.name!r} already: number {other.pk}",
            hint=f"take another name, or end that one first: assay token revoke {other.pk}",
        ) from error


def _allows(token: ApiToken) -> str:
    """What it may do, for how long."""
    where = f" on {', '.join(token.prompts)}" if token.prompts else ""
    until = f" until {token.expires_at:%Y-%m-%d}" if token.expires_at else ""
    return f"{', '.join(token.scopes)}{where}{until}"


def tokens() -> QuerySet[ApiToken]:
    """Every token, those in force first, the newest first."""
    return ApiToken.objects.order_by(F("revoked_at").asc(nulls_first=True), "-pk")


def token(token_id: int) -> ApiToken:
    """One token. Raises TokenUnknownError."""
    found = ApiToken.objects.filter(pk=token_id).first()
    if found is None:
        raise TokenUnknownError(f"there is no token {token_id}")
    return found


def live_token(name: str) -> ApiToken | None:
    """The token of this name that is not revoked (it may have expired)."""
    return ApiToken.objects.filter(name=name, revoked_at=None).first()


def revoke_token(*, token_id: int, by: str, now: datetime) -> ApiToken:
    """End a token. Ending it twice keeps the first time. Raises TokenUnknownError."""
    with transaction.atomic():
        ended = ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=now)
        row = token(token_id)
        if ended:
            subject = f"token:{row.name}"
            record(AccessEvent.Kind.ENDED, subject=subject, actor=by)
    return row


def authenticate_token(secret: str, *, now: datetime) -> Actor:
    """The actor a token stands for. Raises CredentialsInvalidError, the same for every reason."""
    found = (
        ApiToken.objects.filter(digest=token_digest(secret), revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .first()
    )
    if found is None:
        raise CredentialsInvalidError("the token is unknown, revoked or expired")
    # Once a minute is precise enough for "last used", and spares a write on the hot path.
    if found.last_used_at is None or now - found.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    scopes = frozenset(Scope(scope) for scope in found.scopes)
    return Actor(f"token:{found.name}", scopes, tuple(found.prompts))
