"""problem+json (RFC 9457) into AssayApiError: the HTTP status decides the kind, once, here."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from assay.errors import AssayApiError, Kind

_KINDS: dict[int, Kind] = {
    401: "refused",
    403: "refused",
    404: "not_found",
    409: "conflict",
    412: "conflict",
    428: "conflict",
    429: "unavailable",
}
_HINTS = {
    401: "set ASSAY_TOKEN; `assay token create NAME --scope …` makes one on the server",
    403: "the token needs another scope; `assay token create` makes one",
    429: "wait a little and try again",
}
#: Members that RFC 9457 and the contract define; everything else is a fact of the case.
_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code", "hint"})
_LONGEST = 500


def problem(status: int, body: Any) -> AssayApiError:
    """The error for an answer. `body` is its JSON; None when it was not JSON (a proxy's page)."""
    known = body if isinstance(body, dict) else {}
    return AssayApiError(
        kind=_kind(status),
        code=_text(known.get("code")) or f"http_{status}",
        message=_text(known.get("detail")) or _text(known.get("title")) or _bare(status),
        hint=_text(known.get("hint")) or _hint(status, known),
        status=status,
        fields={key: value for key, value in known.items() if key not in _MEMBERS},
    )


def unreachable(url: str, reason: str) -> AssayApiError:
    """No answer arrived at all."""
    return AssayApiError(
        kind="unavailable",
        code="server_unreachable",
        message=f"no answer from {url}: {reason}",
        hint="start it with `assay serve`, or set ASSAY_URL",
    )


def redirected(url: str, status: int, target: str) -> AssayApiError:
    """The address is not the server's own; following would send the token elsewhere."""
    return AssayApiError(
        kind="invalid",
        code="server_moved",
        message=f"{url} points to {target[:_LONGEST] or 'another address'}",
        hint="set ASSAY_URL to the address it points to",
        status=status,
    )


def _kind(status: int) -> Kind:
    if status in _KINDS:
        return _KINDS[status]
    return "unavailable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid"


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _bare(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "an unknown status"
    return f"the server answered {status} {phrase}"


def _hint(status: int, known: dict[str, Any]) -> str:
    if not known and status not in _HINTS:
        return "does ASSAY_URL name an Assay server?"
    return _HINTS.get(status, "")
