"""What every answer carries, and what no request may."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config import failures

#: Everything from this origin, nothing inline, nothing framed. Django 5.2 has no setting for it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_Next = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: _Next) -> _Next:
    """Middleware: tell browsers to run and load nothing that is not Assay's own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    return middleware


def plain_addresses(get_response: _Next) -> _Next:
    """Middleware: refuse NUL in an address. PostgreSQL cannot hold it, so it can name nothing."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return failures.bad_request(request)
        return get_response(request)

    return middleware
