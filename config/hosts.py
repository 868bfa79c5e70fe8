"""What Django checks before any view, for answers that no view makes: host, scheme, headers."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

#: As many as anybody asks for; who makes up more is checked each time.
_MOST_REMEMBERED = 20_000


class KnownHosts:
    """Whether Django would serve a Host header."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._found: dict[str, bool] = {}

    def __contains__(self, host: str) -> bool:
        """`host` is the header as it was sent."""
        known = self._found.get(host)
        if known is None:
            domain, _ = split_domain_port(host)
            known = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
            if len(self._found) < _MOST_REMEMBERED:
                self._found[host] = known
        return known


def transport_security() -> tuple[str, str] | None:
    """The header that Django's SecurityMiddleware adds to answers over TLS; None: it adds none."""
    if not settings.SECURE_HSTS_SECONDS:
        return None
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    value += "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    return "Strict-Transport-Security", value + (
        "; preload" if settings.SECURE_HSTS_PRELOAD else ""
    )


def is_secure(scheme: str, header: Callable[[str], str]) -> bool:
    """Whether a request came over TLS, as Django would say. `header` gives headers by name."""
    if settings.SECURE_PROXY_SSL_HEADER is None:
        return scheme == "https"
    name, value = settings.SECURE_PROXY_SSL_HEADER
    said = header(name.removeprefix("HTTP_").replace("_", "-").lower())
    return said.split(",")[0].strip() == value


def is_page_origin(origin: str, host: str, *, is_over_tls: bool) -> bool:
    """Whether `origin` is that of the pages, where the stream listener has a port of its own.

    `host` is the Host header of who asks this listener: the pages are on the web port of the same
    host, or where ASSAY_PUBLIC_URL says.
    """
    if not settings.STREAM_PORT:
        return False
    if settings.PUBLIC_URL:
        public = urlsplit(settings.PUBLIC_URL)
        if origin == f"{public.scheme}://{public.netloc}":
            return True
    scheme, usual = ("https", 443) if is_over_tls else ("http", 80)
    port = "" if usual == settings.WEB_PORT else f":{settings.WEB_PORT}"
    return settings.WEB_PORT > 0 and origin == f"{scheme}://{split_domain_port(host)[0]}{port}"
