"""The members of a problem+json document (RFC 9457). No framework: every listener answers so."""

from __future__ import annotations

from typing import Any

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Refused",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "Body too large",
    415: "Unsupported media type",
    421: "Wrong listener",
    422: "Not valid",
    429: "Too many requests",
    500: "Failed",
    503: "Unavailable",
}


def problem_body(
    status: int, code: str, detail: str, hint: str = "", **fields: Any
) -> dict[str, Any]:
    """The members of a problem: `fields` are the facts of the case."""
    return {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        **({"hint": hint} if hint else {}),
        **fields,
    }
