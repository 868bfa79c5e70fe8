"""What the views of a dialect share: tokens in its clients' headers, errors in its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from core.errors import (
    AssayError,
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from registry import access
from registry.dialects.secret import shown_secret
from registry.domain.actor import Actor, Scope
from registry.errors import CredentialsInvalidError

_STATUS = {
    NotFoundError: 404,
    InvalidError: 400,
    ConflictError: 409,
    RefusedError: 403,
    UnavailableError: 503,
}
#: A restarted database is back by then. Clients that are told nothing ask again at once.
_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Wrong:
    """An error to be answered: HTTP status, our code, and a sentence with what to do."""

    status: int
    code: str
    message: str


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer TOKEN`, `Basic anybody:TOKEN`, or `X-API-Key: TOKEN`."""

    def authenticate(self, request: Request) -> tuple[None, Actor] | None:
        """The token's actor; None when the request shows none."""
        shown = request.headers.get("Authorization", "")
        secret = shown_secret(shown, request.headers.get("X-API-Key"))
        if secret is None:
            return None
        try:
            return None, access.authenticate_token(secret, now=timezone.now())
        except CredentialsInvalidError as error:
            raise exceptions.AuthenticationFailed(error.message) from error

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


class DialectView(APIView):
    """Looks prompts up. A subclass says in `shaped` what its clients take for an error."""

    authentication_classes = (TokenAuthentication,)
    http_method_names = ("get", "head", "post", "patch", "delete")
    scope = Scope.LOOKUP
    #: It is another product's interface, described by that product.
    schema = None

    def shaped(self, wrong: Wrong) -> dict[str, Any]:
        """The body of an error's answer."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what there is no method for, then ask who it is."""
        if request.method not in self.allowed_methods:
            raise exceptions.MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """The answer to an error; what nobody foresaw goes on as a 500."""
        if isinstance(exc, AssayError):
            return self._refusal(exc)
        if isinstance(exc, OperationalError | InterfaceError):
            wrong = Wrong(503, "database_unavailable", "the database does not answer")
            return self._answer(wrong, {"Retry-After": str(_RETRY_SECONDS)})
        response = super().handle_exception(exc)
        if not isinstance(exc, exceptions.APIException):
            return response
        kept = {name: response[name] for name in _KEPT if name in response}
        return self._answer(Wrong(response.status_code, exc.default_code, str(exc.detail)), kept)

    def _refusal(self, error: AssayError) -> Response:
        status = next((_STATUS[one] for one in type(error).__mro__ if one in _STATUS), 500)
        seconds = str(error.fields.get("retry_after_seconds", _RETRY_SECONDS))
        headers = {"Retry-After": seconds} if status == 503 else {}
        return self._answer(Wrong(status, error.code, error.sentence), headers)

    def _answer(self, wrong: Wrong, headers: Mapping[str, str]) -> Response:
        set_rollback()
        return Response(self.shaped(wrong), status=wrong.status, headers=dict(headers))


_KEPT = ("WWW-Authenticate", "Retry-After")


def actor_of(request: Request) -> Actor:
    """The calling actor; views that name a scope always have one."""
    assert isinstance(request.auth, Actor)
    return request.auth
