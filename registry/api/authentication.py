"""Who is calling, and whether the scope the view asks for is theirs.

A view says `scope = Scope.X`; one that says nothing is closed to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from registry import access
from registry.domain.actor import Actor, Scope
from registry.errors import CredentialsInvalidError
from registry.models import User

if TYPE_CHECKING:
    # rest_framework.views imports this module for its defaults.
    from rest_framework.views import APIView


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer assay_…`."""

    def authenticate(self, request: Request) -> tuple[None, Actor] | None:
        """The token's actor; None when the request carries no bearer token."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return None, access.authenticate_token(secret.strip(), now=timezone.now())
        except CredentialsInvalidError as error:
            raise exceptions.AuthenticationFailed(error.message) from error

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """The dashboard's session, CSRF-checked, as an actor."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The signed-in person's actor; None when nobody is signed in."""
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        assert isinstance(user, User)
        return user, access.actor_of(user)

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


class HasScope(permissions.BasePermission):
    """The default permission of every view: closed unless the view names a scope."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the actor has the view's scope for this method."""
        actor = request.auth
        scope = scope_of(view, request.method or "")
        return isinstance(actor, Actor) and scope is not None and actor.may(scope)


def scope_of(view: APIView | type[APIView], method: str) -> Scope | None:
    """The scope a view asks for: one for all methods, or one by method."""
    declared: Scope | dict[str, Scope] | None = getattr(view, "scope", None)
    return declared.get(method) if isinstance(declared, dict) else declared


def actor_of(request: Request) -> Actor:
    """The calling actor; views behind HasScope always have one."""
    assert isinstance(request.auth, Actor)
    return request.auth
