"""What Django checks before any view, for answers that no view makes: host, scheme, headers."""

from __future__ import annotations

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
