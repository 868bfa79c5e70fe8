"""What an HTTP failure becomes: transient or not, when to come back, and the server's reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidError, UnavailableError
from serving.errors import error_reason, http_error, retry_after_seconds

NOON = {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_transient_statuses(status: int) -> None:
    error = http_error(status, "busy", 3.0)
    assert isinstance(error, UnavailableError)
    assert (error.transient, error.status, error.retry_after_seconds) == (True, status, 3.0)


@pytest.mark.parametrize("status", [204, 301, 307, 400, 401, 403, 404, 409, 413, 422])
def test_permanent_statuses(status: int) -> None:
    error = http_error(status, "no", 3.0)
    assert isinstance(error, InvalidError)
    assert (error.transient, error.status, error.retry_after_seconds) == (False, status, None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT"} | NOON, 90.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"} | NOON, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT", "date": "?"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": {"message": "too long", "code": 400}}', "too long"),
        (b'{"error": "Unauthorized"}', "Unauthorized"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', "field required"),
        (b"<html>502\r\nBad\x1b[2J Gateway</html>", "<html>502  Bad [2J Gateway</html>"),
        (b"", ""),
        (b"\xff", "\ufffd"),
        (b"[" * 5_000, "[" * 300),
        (b'{"error": {}}', ""),
        ({"error": {"error": {"error": {"error": {"error": "deep"}}}}}, ""),
    ],
)
def test_the_servers_reason_is_one_short_line(body: Any, reason: str) -> None:
    assert error_reason(body) == reason


@given(st.text("ab", min_size=1, max_size=3), st.text("abc ", max_size=700))
def test_no_part_of_a_secret_survives_at_the_cut(secret: str, text: str) -> None:
    secret = f"<{secret}>"
    reason = error_reason(text.replace("c", secret), secret=secret)
    assert len(reason) <= 300
    assert "<" not in reason
