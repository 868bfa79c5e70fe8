"""Walks the URLconf and judges answers; the stories about it are in `test_every_route.py`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.test import APIClient

from tests.integration.api.access_table import CALLERS, TABLE, Row

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PAGES = frozenset(
    {"login", "logout", "welcome", "overview", "set-password"}
    | {row.route for row in TABLE if row.route.startswith("page-")}
)
SECRET = "s" * 43
RUN = uuid.UUID(int=1)
TRIAL = uuid.UUID(int=2)
CHECK = uuid.UUID(int=3)
ARGUMENTS: dict[str, Any] = {
    "name": "greeting",
    "number": 2,
    "model": "tiny",
    "flag": "prompt.greeting",
    "run": RUN,
    "trial": TRIAL,
    "check": CHECK,
    "secret": SECRET,
    "token": 1_000_000,
    "person": 1_000_000,
    "channel": "webhook ops",
}
QUERY = {
    "diff": "?old=1&new=2",
    "litellm-prompt": "?prompt_id=greeting@v1",
    "mlflow-prompt": "?name=greeting",
    "mlflow-alias": "?name=greeting&alias=stable",
    "mlflow-version": "?name=greeting&version=1",
}

#: How a caller presents itself: headers, and the key of a session.
Credentials = tuple[dict[str, str], str]
#: One for thousands of questions: each client would load the middleware anew, and read every asset.
_client = APIClient(raise_request_exception=False)


def routes(patterns: Sequence[URLPattern | URLResolver] | None = None) -> Iterator[URLPattern]:
    """Every pattern of the URLconf in use, however deep."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns)
        else:
            yield entry


def address(route: str) -> str:
    """A path of the route that leads to something that exists."""
    [pattern] = [found for found in routes() if found.name == route]
    arguments = {name: ARGUMENTS[name] for name in pattern.pattern.converters}
    return reverse(route, kwargs=arguments) + QUERY.get(route, "")


def ask(credentials: Credentials, row: Row) -> Any:
    """The answer, as if nothing had been asked before."""
    headers, session = credentials
    _client.cookies.clear()
    if session:
        _client.cookies[settings.SESSION_COOKIE_NAME] = session
    body, kind = json.dumps(row.body), "application/json"
    if row.route in PAGES:
        body, kind = "", "application/x-www-form-urlencoded"
    with transaction.atomic():
        answer = _client.generic(row.method, address(row.route), body, kind, headers=headers)
        transaction.set_rollback(True)
    return answer


def allowed(answer: Any, credentials: Credentials) -> bool:
    """Whether the caller was let in. What the view then thought of the request does not matter."""
    status = answer.status_code
    assert status < 500, (status, answer.content)
    assert status != 405, f"{answer.request['REQUEST_METHOD']} {answer.request['PATH_INFO']}"
    to_login = status == 302 and answer.headers["Location"].startswith("/login/")
    return status not in {401, 403, 404} and not (to_login and not credentials[1])


def differences(row: Row, callers: dict[str, Credentials]) -> list[str]:
    """Where the answers are not what the row says."""
    found = []
    for name in CALLERS:
        let_in = allowed(answer := ask(callers[name], row), callers[name])
        if let_in != (name in row.who):
            verb = "was let in" if let_in else "was refused"
            found.append(f"{name} {verb}: {row.method} {row.route} {answer.status_code}")
    return found


def unlisted(
    table: Sequence[Row], insider: Credentials, patterns: Iterable[URLPattern]
) -> list[str]:
    """Those of `patterns` and of their methods that are not in the table."""
    listed = {(row.route, row.method) for row in table}
    found = []
    for pattern in patterns:
        name = pattern.name or ""
        if not name:
            found.append(f"{pattern.pattern} has no name")
        for method in METHODS if name else ():
            if (name, method) not in listed:
                status = ask(insider, Row(name, method, frozenset())).status_code
                if status != 405:
                    found.append(f"{method} {name} answers {status}")
    return found
