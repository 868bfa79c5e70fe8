"""`Idempotency-Key` on writes: the same key and body give the saved answer, not a second write."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from core.digest import canonical_json
from core.errors import ConflictError, InvalidError
from registry.api.authentication import actor_of, credential_of, scope_of
from registry.models import IdempotencyRecord

_LONGEST_KEY = 255


class KeyInvalidError(InvalidError):
    """An Idempotency-Key is 1 to 255 printable characters."""

    code = "idempotency_key_invalid"


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

    The write and its saved answer are one transaction, so a crash in between leaves neither. Only
    answers that were given are saved: after an error the same key may be tried again.
    """

    @functools.wraps(write)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return write(view, request, *args, **kwargs)
        if len(key) > _LONGEST_KEY or not key.isprintable():
            raise KeyInvalidError
        # A saved answer is for those who might write now; the view asks the same.
        scope = scope_of(view, request.method or "")
        if scope is not None:
            actor_of(request).require(scope, kwargs.get("name"))
        with transaction.atomic():
            return _once(request, key, lambda: write(view, request, *args, **kwargs))

    return once


def _once(request: Request, key: str, write: Callable[[], Response]) -> Response:
    credential, fingerprint = credential_of(request), _fingerprint(request)
    _lock(credential, key)
    record = IdempotencyRecord.objects.filter(credential=credential, key=key).first()
    if record is not None:
        return _replayed(record, fingerprint)
    response = write()
    IdempotencyRecord.objects.create(
        credential=credential,
        key=key,
        request=fingerprint,
        status=response.status_code,
        body=response.data,
    )
    return response


def _lock(credential: str, key: str) -> None:
    """Hold the key until the transaction ends. Raises KeyInUseError when another request does."""
    with connection.cursor() as cursor:
        name = f"idempotency {credential} {key}"
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            raise KeyInUseError


def _fingerprint(request: Request) -> str:
    body = canonical_json([request.method, request.get_full_path(), request.data])
    return hashlib.sha256(body).hexdigest()


def _replayed(record: IdempotencyRecord, fingerprint: str) -> Response:
    if record.request != fingerprint:
        raise KeyReusedError
    headers = {"Idempotency-Replayed": "true"}
    if isinstance(record.body, dict) and "revision" in record.body:
        headers["ETag"] = f'"{record.body["revision"]}"'
    return Response(record.body, status=record.status, headers=headers)
