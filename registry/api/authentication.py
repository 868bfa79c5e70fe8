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
        secret = _bearer_secret(request)
        if secret is None:
            return None
        try:
            return None, access.authenticate_token(secret, now=timezone.now())
        except CredentialsInvalidError as error:
            raise exceptions.AuthenticationFailed(error.message) from error

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


def _bearer_secret(request: Request) -> str | None:
    """What the request shows as a bearer token, valid or not; None when it shows none."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


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
        """Whether the actor has the view's scope. Raises NotAllowedError naming the scope."""
        actor, method = request.auth, request.method or ""
        if not isinstance(actor, Actor):
            return False
        if method == "OPTIONS" or method not in view.allowed_methods:
            return True  # there is nothing to guard: the answer is 405
        scope = scope_of(view, method)
        if scope is None:
            return False
        actor.require(scope)
        return True


class IsKnown(permissions.BasePermission):
    """For the few views every valid token and every person may use, whatever their scopes."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """Whether the caller is somebody."""
        return isinstance(request.auth, Actor)


def scope_of(view: APIView | type[APIView], method: str) -> Scope | None:
    """The scope a view asks for: one for all methods, or one by method. HEAD is a GET."""
    declared: Scope | dict[str, Scope] | None = getattr(view, "scope", None)
    if isinstance(declared, dict):
        return declared.get("GET" if method == "HEAD" else method)
    return declared


def actor_of(request: Request) -> Actor:
    """The calling actor; views behind HasScope always have one."""
    assert isinstance(request.auth, Actor)
    return request.auth


def credential_of(request: Request) -> str:
    """What the caller showed, as a key: unlike an actor's name it is never given to another."""
    secret = _bearer_secret(request)
    return f"user:{request.user.pk}" if secret is None else f"token:{access.token_digest(secret)}"
