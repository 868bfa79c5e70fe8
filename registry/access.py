"""People, API tokens, one-time links, and the answers kept for repeated writes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from core.errors import InvalidError, NotFoundError
from registry.domain.actor import Actor, Role, Scope
from registry.errors import CredentialsInvalidError
from registry.models import ApiToken, IdempotencyRecord, OneTimeLink, User

TOKEN_PREFIX = "assay_"  # noqa: S105 - so that secret scanners recognise a leaked token
_LINK_LIFETIME = timedelta(hours=1)
_LONGEST_GLOB = 200
#: A client that repeats a write does so in minutes; a week covers a weekend.
_ANSWERS_KEPT = timedelta(days=7)


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


def actor_of(user: User) -> Actor:
    """The actor a signed-in person is."""
    return Actor(f"user:{user.username}", Role(user.role).scopes)


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
    token = ApiToken(
        name=name.strip(),
        digest=token_digest(secret),
        hint=secret[: len(TOKEN_PREFIX) + 4],
        scopes=sorted(set(scopes), key=known.index),
        prompts=list(prompts),
        created_by=created_by,
        expires_at=expires_at,
    )
    _save_under_its_name(token)
    return token, secret


def _save_under_its_name(token: ApiToken) -> None:
    """The database decides between two who take a name at once. Raises TokenInvalidError."""
    try:
        with transaction.atomic():
            token.save()
    except IntegrityError as error:
        other = live_token(token.name)
        if other is None:
            raise
        raise TokenInvalidError(
            f"there is a token {token.name!r} already: number {other.pk}",
            hint=f"take another name, or end that one first: assay token revoke {other.pk}",
        ) from error


def live_token(name: str) -> ApiToken | None:
    """The token of this name that is not revoked (it may have expired)."""
    return ApiToken.objects.filter(name=name, revoked_at=None).first()


def revoke_token(*, token_id: int, now: datetime) -> ApiToken:
    """End a token. Ending it twice keeps the first time. Raises TokenUnknownError."""
    ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=now)
    token = ApiToken.objects.filter(pk=token_id).first()
    if token is None:
        raise TokenUnknownError(f"there is no token {token_id}")
    return token


def authenticate_token(secret: str, *, now: datetime) -> Actor:
    """The actor a token stands for. Raises CredentialsInvalidError, the same for every reason."""
    token = (
        ApiToken.objects.filter(digest=token_digest(secret), revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .first()
    )
    if token is None:
        raise CredentialsInvalidError("the token is unknown, revoked or expired")
    # Once a minute is precise enough for "last used", and spares a write on the hot path.
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    scopes = frozenset(Scope(scope) for scope in token.scopes)
    return Actor(f"token:{token.name}", scopes, tuple(token.prompts))


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
        return f"{base_url}/welcome/{_new_link(admin)}/"


def _new_link(user: User) -> str:
    secret = secrets.token_urlsafe(32)
    OneTimeLink.objects.filter(user=user, used_at=None).delete()
    OneTimeLink.objects.create(
        user=user, digest=token_digest(secret), expires_at=timezone.now() + _LINK_LIFETIME
    )
    return secret


def check_link(secret: str, *, now: datetime) -> OneTimeLink:
    """The unused link with this secret, not yet used. Raises CredentialsInvalidError."""
    link = OneTimeLink.objects.select_related("user").filter(digest=token_digest(secret)).first()
    if link is None or link.used_at is not None or link.expires_at <= now:
        raise CredentialsInvalidError(
            "this link was used already or is too old", hint="restart the server for a new one"
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


def forget_answers(*, now: datetime) -> int:
    """Drop saved answers of writes after a week; their keys can be used again. Returns how many."""
    dropped, _ = IdempotencyRecord.objects.filter(created_at__lt=now - _ANSWERS_KEPT).delete()
    return dropped
