"""What is answered when no view did: problem+json to programs, a page to people."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from registry.api.problem import problem_body

#: A restarted database is back by then.
_RETRY_SECONDS = 2
#: Where programs ask; everything else is a page.
_PROGRAMS = ("/api/", "/prompt/", "/ofrep/", "/beta/", "/healthz", "/readyz")


def bad_request(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    """400: the request cannot be understood, or names a host that is not ours."""
    return answer(request, 400, "bad_request", "The request cannot be understood.")


def not_found(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    """404: there is no such route. The path is not repeated: it may hold a secret link."""
    hint = "see /api/v1/openapi.json" if request.path.startswith("/api/") else ""
    return answer(request, 404, "route_unknown", "There is nothing here.", hint)


def failed(request: HttpRequest) -> HttpResponse:
    """500: a fault of ours. The log has the traceback; the answer says nothing about it.

    503 when it was the database that did not answer: the same request may work in a moment.
    """
    # Django calls this while it handles the exception, and does not hand it over.
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        detail = "The database does not answer."
        response = answer(request, 503, "database_unavailable", detail, "try again in a moment")
        response.headers["Retry-After"] = str(_RETRY_SECONDS)
        return response
    hint = "the server's log says more"
    return answer(request, 500, "internal_error", "Something failed that should not.", hint)


def csrf_failed(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    """403: a form without its token; an old page, cookies switched off, or another site's doing."""
    detail = "This form is too old, or it came from somewhere else."
    return answer(request, 403, "csrf_failed", detail, "open the page again and repeat")


def answer(
    request: HttpRequest, status: int, code: str, detail: str, hint: str = ""
) -> HttpResponse:
    """A failure as the caller can read it."""
    if request.path.startswith(_PROGRAMS):
        body = problem_body(status, code, detail, hint)
        return JsonResponse(body, status=status, content_type="application/problem+json")
    # Without the request's context processors: after a failure the database may be what failed.
    page = {"detail": detail, "hint": hint}
    return HttpResponse(render_to_string("webui/failure.html", page), status=status)
