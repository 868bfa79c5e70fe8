"""Lookups, counted by every web process for itself.

prometheus_client's multi-process mode does it: a memory-mapped file for each process in the folder
that PROMETHEUS_MULTIPROC_DIR names (set by the settings, before the library is imported). A file
outlives its process, so that the sum never goes back while the server runs; `config.embedded`
empties the folder before a new one starts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.multiprocess import MultiProcessCollector

#: Routes that answer applications.
LOOKUP_ROUTES = frozenset(
    "lookup seed-lookup mlflow-alias mlflow-version ofrep-flag litellm-prompt "
    "langfuse-prompt".split()
)
_Next = Callable[[HttpRequest], HttpResponse]


def count_lookups(get_response: _Next) -> _Next:
    """Middleware: count every answered lookup by its HTTP status."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        match = request.resolver_match
        if match is not None and match.url_name in LOOKUP_ROUTES:
            count(response.status_code)
        return response

    return middleware


def count(status: int) -> None:
    """One answered lookup, whoever answered it."""
    _of(status).inc()


@cache
def _of(status: int) -> Counter:
    """The counter of one status: looking it up costs more than counting."""
    return _lookups().labels(str(status))


@cache
def _lookups() -> Counter:
    """Made at the first lookup: only processes that answer some have a file."""
    settings.COUNTS_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    # No prompt names in labels: there may be thousands, and some are confidential.
    return Counter(
        "assay_lookups",
        "Prompt lookups answered, by HTTP status.",
        ["status"],
        registry=CollectorRegistry(),
    )


def add_counts(registry: CollectorRegistry) -> None:
    """Let `registry` collect the sums over all processes."""
    if settings.COUNTS_FOLDER.is_dir():
        path = str(settings.COUNTS_FOLDER)
        MultiProcessCollector(registry, path=path)  # type: ignore[no-untyped-call]
