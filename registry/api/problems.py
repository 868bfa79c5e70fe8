"""Errors as problem+json (RFC 9457), mapped once: five kinds, five statuses."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from core.errors import (
    AssayError,
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from registry.api.problem import problem_body

STATUS = {
    NotFoundError: 404,
    InvalidError: 422,
    ConflictError: 409,
    RefusedError: 403,
    UnavailableError: 503,
}


def status_of(error: AssayError) -> int:
    """The HTTP status of an error's kind; 500 for one that is of no kind."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def problem(status: int, code: str, detail: str, hint: str = "", **fields: Any) -> Response:
    """One problem+json answer."""
    body = problem_body(status, code, detail, hint, **fields)
    return Response(body, status=status, content_type="application/problem+json")


def body_of(error: AssayError) -> dict[str, Any]:
    """The members of the problem that an error is."""
    return problem_body(status_of(error), error.code, error.message, error.hint, **error.fields)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None lets the unforeseen be a 500 with a traceback in the log."""
    if isinstance(error, AssayError):
        set_rollback()
        response = Response(
            body_of(error), status=status_of(error), content_type="application/problem+json"
        )
        if "retry_after_seconds" in error.fields:
            response["Retry-After"] = str(error.fields["retry_after_seconds"])
        return response
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        plain = exception_handler(error, context)
        assert plain is not None
        detail = (
            str(plain.data.get("detail", error)) if isinstance(plain.data, dict) else str(error)
        )
        code = getattr(error.detail, "code", None) or error.default_code
        response = problem(plain.status_code, code, detail)
        for header in ("WWW-Authenticate", "Retry-After"):
            if header in plain:
                response[header] = plain[header]
        return response
    return None


def _invalid(error: exceptions.ValidationError) -> Response:
    """422 naming each field by JSON Pointer."""
    found = [
        {"pointer": pointer, "message": message} for pointer, message in _walk(error.detail, "")
    ]
    summary = "; ".join(f"{e['pointer'] or '/'}: {e['message']}" for e in found[:3])
    return problem(422, "invalid", summary, errors=found)


def _walk(detail: Any, pointer: str) -> list[tuple[str, str]]:
    if isinstance(detail, dict):
        pairs = [
            (pointer if key == "non_field_errors" else f"{pointer}/{key}", value)
            for key, value in detail.items()
        ]
        return [found for at, value in pairs for found in _walk(value, at)]
    if isinstance(detail, list):
        if all(not isinstance(item, dict | list) for item in detail):
            return [(pointer, str(item)) for item in detail]
        return [found for i, item in enumerate(detail) for found in _walk(item, f"{pointer}/{i}")]
    return [(pointer, str(detail))]
