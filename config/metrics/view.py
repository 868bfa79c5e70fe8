"""GET /metrics, for a token with the scope `read` or for Prometheus' own token."""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from config.metrics.counting import add_counts
from config.metrics.figures import Figures
from core.errors import UnavailableError
from registry.api.authentication import SessionAuthentication, TokenAuthentication
from registry.domain.actor import Actor, Scope

#: Who shows METRICS_TOKEN: it opens this page and no other.
_SCRAPER = Actor("system:metrics", frozenset({Scope.READ}))


class MetricsUnavailableError(UnavailableError):
    """The database, where most figures are, does not answer."""

    code = "metrics_unavailable"


class ScraperAuthentication(BaseAuthentication):
    """`Authorization: Bearer <METRICS_TOKEN>`. Without the setting nobody is let in this way."""

    def authenticate(self, request: Request) -> tuple[None, Actor] | None:
        """The scraper; None for everybody else, whom the next class looks at."""
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        token = settings.METRICS_TOKEN
        if not token or scheme.lower() != "bearer":
            return None
        same = hmac.compare_digest(shown.strip().encode(), token.encode())
        return (None, _SCRAPER) if same else None

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


class _AsItIs(BaseContentNegotiation):
    """One format, whatever is asked for: Prometheus reads it, and so do people."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002
        return parsers[0]

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002
        renderers: Any,
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


@extend_schema(exclude=True)
class MetricsView(APIView):
    """GET metrics: the platform's own figures."""

    authentication_classes = (ScraperAuthentication, TokenAuthentication, SessionAuthentication)
    content_negotiation_class = _AsItIs
    scope = Scope.READ

    def get(self, _request: Request) -> HttpResponse:
        """Prometheus' text format, version 0.0.4. Raises MetricsUnavailableError."""
        registry = CollectorRegistry()
        registry.register(Figures())
        add_counts(registry)
        try:
            page = generate_latest(registry)
        except OperationalError as error:
            raise MetricsUnavailableError from error
        return HttpResponse(page, content_type=CONTENT_TYPE_PLAIN_0_0_4)
