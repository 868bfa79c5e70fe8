"""Where the stream listener is, for those whom the web listener answers."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port


def stream_origin(request: HttpRequest) -> str:
    """Its scheme, host and port as who asks reaches it; empty: it has the address that was asked.

    Raises DisallowedHost for a host that is not ours.
    """
    if not settings.STREAM_PORT:
        return ""
    domain, _ = split_domain_port(request.get_host())
    return f"{request.scheme}://{domain}:{settings.STREAM_PORT}"
