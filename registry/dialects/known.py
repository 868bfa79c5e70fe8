"""What the last known is answered with, where a view would have read the database."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse

from registry import lookup
from registry.lookup import Reply, Standing


def sent(value: Any, standing: Standing) -> Reply:
    """A JSON answer that nobody keeps, with how old it is."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(200, [lookup.NO_STORE, *lookup.currency(standing), lookup.JSON], body)


def response(reply: Reply) -> HttpResponse:
    """For Django to send."""
    made = HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
    if reply.status == 304:
        del made["Content-Type"]
    return made
