"""Is the process alive, and can it do its work? Both answer without saying anything secret."""

from __future__ import annotations

from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from kombu import Connection

from registry import queries

#: Probes wait for a second only, and a broker that hangs must not make them miss it.
_BROKER_SECONDS = 0.3
_QUICK = {
    "socket_connect_timeout": _BROKER_SECONDS,
    "socket_timeout": _BROKER_SECONDS,
    "max_retries": 0,
}


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """200 while lookups can be answered: the process runs and reaches its database."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OperationalError:
        return JsonResponse({"status": "database unreachable"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when lookups and tag moves work: the database, and a mirror that was synced once.

    The broker is told, but does not count: without it only evaluations and syncs are late, and a
    process that is taken out of service could not roll back.
    """
    parts = {"database": healthz(_request).status_code == 200}
    parts["mirror"] = parts["database"] and bool(getattr(queries.mirror(), "applied_commit", ""))
    status = 200 if all(parts.values()) else 503
    return JsonResponse({**parts, "broker": _broker_answers()}, status=status)


def _broker_answers() -> bool:
    try:
        with Connection(settings.CELERY_BROKER_URL, transport_options=_QUICK) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except Exception:  # noqa: BLE001 - every transport has exceptions of its own
        return False
    return True
