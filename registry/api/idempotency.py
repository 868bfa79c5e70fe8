"""`Idempotency-Key` on writes: the same key and body give the saved answer, not a second write."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from core.digest import canonical_json
from core.errors import ConflictError, InvalidError
from registry.api.authentication import actor_of
from registry.models import IdempotencyRecord

_LONGEST_KEY = 255


class KeyReusedError(InvalidError):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class KeyInUseError(ConflictError):
    """The first request with this Idempotency-Key is still being answered."""

    code = "idempotency_key_in_use"
    hint = "try again in a moment"


_Write = Callable[..., Response]


def idempotent(write: _Write) -> _Write:
    """Decorate a view's write method. Requests without the header pass through.

    Only answers that were given are saved: after an error the same key may be tried again.
    """

    @functools.wraps(write)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return write(view, request, *args, **kwargs)
        if len(key) > _LONGEST_KEY:
            raise InvalidError(f"Idempotency-Key is longer than {_LONGEST_KEY} characters")
        record, saved = _reserve(actor_of(request).name, key, _fingerprint(request))
        if saved is not None:
            return saved
        try:
            response = write(view, request, *args, **kwargs)
        except BaseException:
            record.delete()
            raise
        record.status, record.body = response.status_code, response.data
        record.save(update_fields=["status", "body"])
        return response

    return once


def _fingerprint(request: Request) -> str:
    body = canonical_json([request.method, request.get_full_path(), request.data])
    return hashlib.sha256(body).hexdigest()


def _reserve(actor: str, key: str, fingerprint: str) -> tuple[IdempotencyRecord, Response | None]:
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(actor=actor, key=key, request=fingerprint), None
    except IntegrityError:
        record = IdempotencyRecord.objects.filter(actor=actor, key=key).first()
    if record is None or record.status is None:
        raise KeyInUseError
    if record.request != fingerprint:
        raise KeyReusedError
    return record, Response(
        record.body, status=record.status, headers={"Idempotency-Replayed": "true"}
    )
