"""Is the process alive, and can it do its work? Both answer without saying anything secret."""

from __future__ import annotations

from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from kombu import Connection

from registry import queries


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
    """200 when everything works: database, broker, and a mirror that was synced once."""
    parts = {"database": healthz(_request).status_code == 200, "broker": _broker_answers()}
    parts["mirror"] = parts["database"] and bool(getattr(queries.mirror(), "applied_commit", ""))
    return JsonResponse(parts, status=200 if all(parts.values()) else 503)


def _broker_answers() -> bool:
    try:
        with Connection(settings.CELERY_BROKER_URL, connect_timeout=1) as broker:
            broker.ensure_connection(max_retries=1, timeout=1)
    except Exception:  # noqa: BLE001 - every transport has exceptions of its own
        return False
    return True
