"""What can go wrong between Assay and a model server, and whether trying again can help."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, NoReturn

from core.errors import InvalidError, RefusedError, UnavailableError

_REASON_CHARS = 300
_REASON_KEYS = ("error", "detail", "message", "msg")
_REASON_DEPTH = 4  # the deepest known shape is FastAPI's


class ModelUnavailableError(UnavailableError):
    """The model server does not answer. Trying again later may help."""

    code = "model_unavailable"
    #: Whether the same request may succeed later: decided where the answer was read.
    transient: ClassVar[bool] = True

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        """`status` is None when no HTTP answer came; `retry_after_seconds` is the server's wish."""
        super().__init__(
            message, hint=hint, server_status=status, retry_after_seconds=retry_after_seconds
        )
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class ModelAnswerError(InvalidError):
    """The model server's answer cannot be used. The same request would fail again."""

    code = "model_answer"
    transient: ClassVar[bool] = False
    #: The same attribute as on ModelUnavailableError, so that one handler reads both.
    retry_after_seconds: ClassVar[float | None] = None

    def __init__(self, message: str = "", *, hint: str = "", status: int | None = None) -> None:
        """`status` is the HTTP status when the server refused, None for a malformed answer."""
        super().__init__(message, hint=hint, server_status=status)
        self.status = status


class EndpointInvalidError(InvalidError):
    """The address or the settings of the model server are not usable."""

    code = "endpoint_invalid"


class ChatRequestInvalidError(InvalidError):
    """The chat request cannot be sent as it is."""

    code = "chat_request_invalid"


class ModelRequestInvalidError(InvalidError):
    """The request to the model cannot be sent as it is."""

    code = "model_request_invalid"


class ModelFeatureMissingError(ModelAnswerError):
    """The model server does not offer what is asked of it. Another server may."""

    code = "model_feature_missing"


class ParameterRefusedError(RefusedError):
    """This model parameter is not passed on."""

    code = "parameter_refused"
    transient: ClassVar[bool] = False


def http_error(
    status: int, reason: str, retry_after_seconds: float | None = None
) -> ModelUnavailableError | ModelAnswerError:
    """The typed error for an HTTP status: 408, 429 and 5xx are transient, the rest permanent.

    So is 501: what is not implemented now will not be a moment later.
    """
    message = f"the model server answered {status}: {reason or 'no reason given'}"
    if status in {408, 429} or (status >= 500 and status != 501):
        return ModelUnavailableError(
            message, status=status, retry_after_seconds=retry_after_seconds
        )
    if 300 <= status < 400:
        return ModelAnswerError(
            f"the model server answered {status}, a redirect; redirects are not followed",
            hint="put the final address into base_url",
            status=status,
        )
    return ModelAnswerError(message, status=status)


def malformed(what: str) -> NoReturn:
    """Raise ModelAnswerError: the server broke the protocol, and would again."""
    raise ModelAnswerError(f"malformed answer: {what}")


def error_reason(body: bytes | Any, *, secret: str | None = None) -> str:
    """The sentence in an error body, at most 300 characters on one line, without `secret`.

    `body` is what came over the wire, or a JSON value. Known shapes:
    OpenAI's `{"error": {"message": ...}}`, a bare `{"error": ...}`, FastAPI's `{"detail": ...}`.
    """
    if isinstance(body, bytes):
        body = _json_or_text(body)
    for _ in range(_REASON_DEPTH):
        if isinstance(body, list) and body:
            body = body[0]
        elif isinstance(body, dict):
            body = next((body[key] for key in _REASON_KEYS if body.get(key)), "")
    text = body if isinstance(body, str) else ""
    if secret:  # some servers repeat the key they did not like
        text = text.replace(secret, "[api key]")
    return "".join(mark if mark.isprintable() else " " for mark in text[:_REASON_CHARS]).strip()


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` (RFC 9110, 10.2.3) in seconds from now, None when absent or unreadable.

    A date is read against the server's own `Date`, so its clock need not agree with ours.
    """
    value = headers.get("retry-after", "")
    try:
        if value.strip().isdecimal():
            seconds = float(value)
        else:
            then, now = parsedate_to_datetime(value), parsedate_to_datetime(headers["date"])
            seconds = max(0.0, (then - now).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")
