"""Traces and scores: accepted as Langfuse accepts them, so that no SDK logs an error."""

from __future__ import annotations

import threading
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import UnavailableError
from registry import outcomes
from registry.dialects.langfuse import otlp, scores
from registry.dialects.langfuse.forwarding import FORWARDER
from registry.dialects.langfuse.view import LangfuseView, actor_of
from registry.domain.actor import Scope

#: Unpacked traces are large; a process holds two at a time, so that lookups find it awake.
_AT_ONCE = threading.BoundedSemaphore(2)


class TracesBusyError(UnavailableError):
    """The server is reading other traces."""

    code = "busy"


class LengthRequiredError(exceptions.APIException):
    """The server in front hands chunked bodies over without an end."""

    status_code = 411
    default_code = "length_required"
    default_detail = (
        "This server cannot read a chunked body. Send it with a Content-Length, or through a proxy "
        "that adds one."
    )


class TooLargeError(exceptions.APIException):
    """The body is larger than Assay reads."""

    status_code = 413
    default_code = "body_too_large"


def body_of(request: Request, limit: int) -> bytes:
    """The raw body, also one in chunks (the JS SDK's), which Django would read as empty.

    Raises TooLargeError, LengthRequiredError.
    """
    environ = request.META
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if not length:
        if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            return b""
        # PEP 3333 lets a server say that its stream ends with the request. granian's does.
        if not environ.get("wsgi.input_terminated"):
            raise LengthRequiredError
    elif int(length) > limit:
        raise TooLargeError(f"the body is larger than {limit:,} bytes")
    left = int(length) if length else limit + 1
    parts = []
    while left and (part := stream.read(min(left, 65_536))):
        parts.append(part)
        left -= len(part)
    if not left and not length:
        raise TooLargeError(f"the body is larger than {limit:,} bytes")
    return b"".join(parts)


class TracesView(LangfuseView):
    """`/api/public/otel/v1/traces`: passed on or dropped, but for which prompts were used."""

    scope = Scope.LOOKUP

    def post(self, request: Request) -> HttpResponse:
        """200 with an empty body, which is an empty answer of OTLP."""
        if not _AT_ONCE.acquire(blocking=False):
            raise TracesBusyError
        try:
            body = body_of(request, otlp.MAX_BODY)
            sent = otlp.unpacked(body, request.headers.get("Content-Encoding", "").lower())
            used = otlp.uses(sent, request.headers.get("Content-Type", "")) if sent else []
        finally:
            _AT_ONCE.release()
        outcomes.note_uses(uses=used, actor=actor_of(request), now=timezone.now())
        FORWARDER.send(body, request.headers)
        if "json" in request.headers.get("Content-Type", ""):
            return HttpResponse(b"{}", content_type="application/json")
        return HttpResponse(b"", content_type="application/x-protobuf")


class ScoresView(LangfuseView):
    """`/api/public/scores`: one score, or a list of them."""

    scope = Scope.LOOKUP

    def post(self, request: Request) -> Response:
        """202 when all were taken; 207 naming those that were not."""
        if not isinstance(request.data, list):
            made = scores.score(request.data)
            outcomes.keep(
                scores=[made] if made else [], actor=actor_of(request), now=timezone.now()
            )
            return Response({"id": made.id if made else request.data.get("id")})
        if len(request.data) > scores.MAX_SCORES:
            raise scores.ScoreInvalidError(f"at most {scores.MAX_SCORES:,} scores at a time")
        taken, refused = [], []
        for index, given in enumerate(request.data):
            try:
                taken.append(scores.score(given))
            except scores.ScoreInvalidError as error:
                refused.append({"message": f"scores[{index}]: {error.message}"})
        kept = [one for one in taken if one is not None]
        outcomes.keep(scores=kept, actor=actor_of(request), now=timezone.now())
        if not refused:
            return Response({"message": "Accepted"}, status=202)
        answer = {"accepted": len(taken), "rejected": len(refused), "errors": refused}
        return Response(answer, status=207)


class IngestionView(LangfuseView):
    """`/api/public/ingestion`: batches of older SDKs and of the JS one."""

    scope = Scope.LOOKUP

    def post(self, request: Request) -> Response:
        """207 with one line for each event."""
        found = scores.batch(request.data)
        actor, now = actor_of(request), timezone.now()
        outcomes.note_uses(uses=found.uses, actor=actor, now=now)
        outcomes.keep(scores=found.scores, actor=actor, now=now)
        errors: list[dict[str, Any]] = [
            {"id": id_, "status": 400, "message": why, "error": "InvalidRequestError"}
            for id_, why in found.refused
        ]
        successes = [{"id": id_, "status": 201} for id_ in found.accepted]
        return Response({"successes": successes, "errors": errors}, status=207)
