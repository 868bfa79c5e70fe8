"""One call to a Git host: authorised, patient for a moment, and clear about what went wrong.

Whether a call may be made again is decided here, where the answer is read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from django.utils import timezone

from core.errors import RefusedError, UnavailableError

_SECONDS = 15.0
#: Pauses before a call is made again at once: most outages are a hiccup.
_PAUSES = (0.5, 2.0)
#: Pages that are read of a list: more comments than that are no conversation.
_MOST_PAGES = 30
_SHOWN = 300
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


class HostFailedError(UnavailableError):
    """The Git host does not answer, or has no time for us."""

    code = "git_host_failed"


class HostRefusedError(RefusedError):
    """The Git host does not take this."""

    code = "git_host_refused"

    def __init__(self, message: str, status: int) -> None:
        """`status` is that of HTTP."""
        super().__init__(message, status=status)
        self.status = status


def _nothing() -> None:
    """A token that somebody set is not ours to forget."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls one host. `base` is the address of its interface, without a slash at the end.

    When the host does not know us, `forget` is called, and `unauthorised` says what to look at.
    """

    base: str
    headers: Mapping[str, str] = field(repr=False)
    unauthorised: str = "check ASSAY_GIT_HOST_TOKEN, and that it has not expired"
    forget: Callable[[], object] = _nothing
    sleep: Callable[[float], None] = time.sleep

    def get(self, path: str, **query: Any) -> Any:
        """The answer to GET. Raises HostFailedError, HostRefusedError."""
        return self.call("GET", path, params=query).json()

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Every entry of a list, page by page, as the `Link` header leads. Raises as `get`."""
        address = path
        params: Mapping[str, Any] | None = {"per_page": 100, **query}
        for _ in range(_MOST_PAGES):
            answer = self.call("GET", address, params=params)
            yield from answer.json()
            found = _NEXT.search(answer.headers.get("Link", ""))
            # A host that leads elsewhere would be given our token.
            if found is None or not found[1].startswith(f"{self.base}/"):
                return
            address, params = found[1], None  # its query is in it

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a call with a JSON body. Raises as `get`."""
        return self.call(method, path, json=dict(body)).json()

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer, if it is one of success. Raises HostFailedError, HostRefusedError."""
        address = path if path.startswith(self.base) else f"{self.base}{path}"
        problem = ""
        with httpx.Client(timeout=_SECONDS, headers=dict(self.headers)) as client:
            for pause in (*_PAUSES, None):
                try:
                    answer = client.request(method, address, **request)
                except httpx.HTTPError as error:
                    problem = f"{self.base} does not answer: {type(error).__name__}"
                else:
                    if answer.status_code == 401:
                        self.forget()
                    if answer.status_code < 500:
                        return _judged(answer, method, self.unauthorised)
                    problem = f"{self.base} answers {answer.status_code}"
                if pause is not None:
                    self.sleep(pause)
        raise HostFailedError(problem)


def _judged(answer: httpx.Response, method: str, unauthorised: str) -> httpx.Response:
    status = answer.status_code
    if 200 <= status < 300:
        return answer
    told = f"{method} {answer.request.url.path}: {status} {_said(answer)}"
    wait = _wait_seconds(answer, timezone.now())
    if wait is not None:
        raise HostFailedError(f"{told}; it may be asked again in {wait:.0f} s", retry_after=wait)
    if status == 401:
        raise HostFailedError(told, hint=unauthorised)
    raise HostRefusedError(told, status)


def _wait_seconds(answer: httpx.Response, now: datetime) -> float | None:
    """How long the host wants to be left alone; None when it is not about that.

    GitHub says 403 or 429 with `Retry-After`, or with no calls remaining until `X-RateLimit-Reset`;
    GitLab 429.
    """
    if answer.status_code not in (403, 429):
        return None
    after = answer.headers.get("Retry-After", "")
    if after.isdigit():
        return float(after)
    if after:
        return _seconds_until_date(after, now)
    for name in ("X-RateLimit-", "RateLimit-"):
        reset = answer.headers.get(f"{name}Reset", "")
        if answer.headers.get(f"{name}Remaining") == "0" and reset.isdigit():
            return max(0.0, float(reset) - now.timestamp())
    return 60.0 if answer.status_code == 429 else None


def _seconds_until_date(text: str, now: datetime) -> float:
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return 60.0


def _said(answer: httpx.Response) -> str:
    """The host's own sentence, on one line."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    told = body.get("message") or body.get("error") if isinstance(body, dict) else answer.text
    return "".join(c if c.isprintable() else " " for c in str(told))[:_SHOWN]
