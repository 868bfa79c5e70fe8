"""What all Langfuse views share: who asks, and errors in the shape its clients print."""

from __future__ import annotations

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
from registry.dialects.secret import secret_of
from registry.domain.actor import Actor
from registry.errors import CredentialsInvalidError

#: Status and Langfuse's word for each kind of wrong. Its clients retry 408, 409, 429 and 5xx.
_KINDS: dict[type[AssayError], tuple[int, str]] = {
    NotFoundError: (404, "LangfuseNotFoundError"),
    InvalidError: (400, "InvalidRequestError"),
    ConflictError: (409, "LangfuseConflictError"),
    RefusedError: (403, "ForbiddenError"),
    UnavailableError: (503, "ServiceUnavailableError"),
}
_NAMES = {401: "UnauthorizedError", 403: "ForbiddenError", 405: "MethodNotAllowedError"}
#: Without Retry-After one overloaded answer costs nine requests. A restarted database is back then.
_RETRY_SECONDS = 2


class SecretKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Basic` of any public key and an API token as the secret key."""

    def authenticate(self, request: Request) -> tuple[None, Actor] | None:
        """The token's actor; None when the request shows none."""
        secret = secret_of(request.headers.get("Authorization", ""))
        if secret is None:
            return None
        try:
            return None, access.authenticate_token(secret, now=timezone.now())
        except CredentialsInvalidError as error:
            raise exceptions.AuthenticationFailed(
                f"Invalid credentials: {error.message}. The secret key is an API token of Assay "
                "(`assay token create`); the public key can be anything."
            ) from error

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 asks for."""
        return 'Basic realm="Assay"'


class LangfuseView(APIView):
    """Errors are `{"message", "error"}`; a method that does not exist is 405 before all else."""

    authentication_classes: tuple[type[authentication.BaseAuthentication], ...] = (
        SecretKeyAuthentication,
    )
    http_method_names = ("get", "head", "post", "patch", "delete")
    #: It is another product's interface, described by that product.
    schema = None

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
            set_rollback()
            response = _answer(503, "ServiceUnavailableError", "The database does not answer.")
            response["Retry-After"] = str(_RETRY_SECONDS)
            return response
        response = super().handle_exception(exc)
        if isinstance(exc, exceptions.APIException):
            name = _NAMES.get(response.status_code, "InvalidRequestError")
            shaped = _answer(response.status_code, name, _sentence(exc))
            for header in ("WWW-Authenticate", "Retry-After"):
                if header in response:
                    shaped[header] = response[header]
            return shaped
        return response

    def _refusal(self, error: AssayError) -> Response:
        set_rollback()
        found = [_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS]
        status, name = found[0] if found else (500, "InternalServerError")
        response = _answer(status, name, error.sentence, code=error.code)
        if status in {429, 503}:
            seconds = error.fields.get("retry_after_seconds", _RETRY_SECONDS)
            response["Retry-After"] = str(seconds)
        return response


def _sentence(error: exceptions.APIException) -> str:
    return str(error.detail) if isinstance(error.detail, str) else str(error.get_full_details())


def _answer(status: int, name: str, message: str, **more: str) -> Response:
    return Response({"message": message, "error": name, **more}, status=status)


def actor_of(request: Request) -> Actor:
    """The calling actor; views that name a scope always have one."""
    assert isinstance(request.auth, Actor)
    return request.auth
