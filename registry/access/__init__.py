"""People, API tokens, one-time links, and the answers kept for repeated writes."""

from __future__ import annotations

from registry.access.answers import forget_answers
from registry.access.changes import access_events
from registry.access.links import check_link, first_admin_link, redeem_link
from registry.access.people import (
    INVITATION_LIFETIME,
    LastAdminError,
    PersonInvalidError,
    PersonUnknownError,
    actor_of,
    change_person,
    invite,
    people,
    person,
    reset_password,
)
from registry.access.tokens import (
    TOKEN_PREFIX,
    TokenInvalidError,
    TokenUnknownError,
    authenticate_token,
    create_token,
    live_token,
    revoke_token,
    token,
    token_digest,
    tokens,
)

__all__ = [
    "INVITATION_LIFETIME",
    "TOKEN_PREFIX",
    "LastAdminError",
    "PersonInvalidError",
    "PersonUnknownError",
    "TokenInvalidError",
    "TokenUnknownError",
    "access_events",
    "actor_of",
    "authenticate_token",
    "change_person",
    "check_link",
    "create_token",
    "first_admin_link",
    "forget_answers",
    "invite",
    "live_token",
    "people",
    "person",
    "redeem_link",
    "reset_password",
    "revoke_token",
    "token",
    "token_digest",
    "tokens",
]
