"""What every answer carries, and what no request may."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from config import failures
from core.errors import AssayError
from registry.api.problems import status_of
from registry.listeners import stream_origin

#: Everything from this origin, nothing inline, nothing framed. Django 5.2 has no setting for it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_Next = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: _Next) -> _Next:
    """Middleware: tell browsers to run and load nothing that is not Assay's own. Pages may also
    listen to the stream listener, where it has a port of its own.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        policy = CONTENT_SECURITY_POLICY
        # A page that is shown has passed the check of its host.
        if response.status_code == 200 and _is_page(response) and (also := stream_origin(request)):
            policy = policy.replace("connect-src 'self'", f"connect-src 'self' {also}")
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware


class CompressedPages(GZipMiddleware):
    """Middleware: pages are sent with gzip (which hides the length of secrets in them: Django adds
    some bytes by chance). Answers to programs stay as they are: compressed, an ETag is weak, and
    `If-Match` takes no weak one.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The answer, smaller if it is a page."""
        if not _is_page(response):
            return response
        return super().process_response(request, response)


class Refusals:
    """Middleware: what a service refuses is an answer with its reason. DRF's views have their own
    handler, so this is for pages.
    """

    def __init__(self, get_response: _Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self._next(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page about an AssayError; everything else is Django's to handle."""
        if not isinstance(error, AssayError):
            return None
        return failures.answer(request, status_of(error), error.code, error.message, error.hint)


def plain_addresses(get_response: _Next) -> _Next:
    """Middleware: refuse NUL in an address. PostgreSQL cannot hold it, so it can name nothing."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return failures.bad_request(request)
        return get_response(request)

    return middleware


def _is_page(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")
