"""A Git host's REST interface on loopback that is as strict as the documented one.

Answers 401 without the token, 422 (GitHub) or 400 (GitLab) for a body with a field too few, too
many, or of another kind, 404 for what is not there; it pages lists, and fails as a test tells it.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.loopback import Quiet

Body = dict[str, Any]
TOKEN = "ghs_correct-horse"


@dataclass
class Answer:
    """What a request is answered; status 0 closes the connection instead."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request with its decoded body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Body


class RefusedError(Exception):
    """The request is answered so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"message": message})


Handler = Callable[[Asked, "re.Match[str]"], Answer]


class HostServer:
    """The common part: a list of routes, what was asked, and faults that come first."""

    prefix = ""

    def __init__(self) -> None:
        self.faults: deque[Answer] = deque()
        self.asked: list[Asked] = []
        self.commits: set[str] = set()
        self.is_down = False
        self.page_size = 100
        self._numbers = iter(range(1001, 10_000))
        self._lock = threading.Lock()
        self.comments: dict[int, dict[int, Body]] = {}

    def __enter__(self) -> Self:
        made = type("Made", (_Handler,), {"host": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), made)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{self.prefix}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        raise NotImplementedError

    def authorise(self, asked: Asked) -> None:
        raise NotImplementedError

    def comment(self, number: int) -> str:
        """The only comment of a pull or merge request."""
        [comment] = self.comments[number].values()
        body: str = comment["body"]
        return body

    def next_id(self) -> int:
        return next(self._numbers)

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            if self.is_down:
                return Answer(0)
            if self.faults:
                return self.faults.popleft()
            try:
                self.authorise(asked)
                for method, pattern, handler in self.routes():
                    found = re.fullmatch(pattern, asked.path)
                    if found and method == asked.method:
                        return handler(asked, found)
            except RefusedError as refused:
                return refused.answer
            return Answer(404, {"message": "Not Found"})

    def calls(self, method: str, part: str) -> list[Asked]:
        return [one for one in self.asked if one.method == method and part in one.path]

    def page(self, asked: Asked, rows: list[Body]) -> Answer:
        """One page of a list, with the `Link` header that leads to the next."""
        size = min(int(asked.query.get("per_page", 30)), self.page_size)
        number = int(asked.query.get("page", 1))
        headers = {}
        if len(rows) > number * size:
            query = urlencode({**asked.query, "per_page": size, "page": number + 1})
            more = f"{self.url}{asked.path}?{query}"
            headers["Link"] = f'<{more}>; rel="next", <{more}>; rel="last"'
        return Answer(200, rows[(number - 1) * size : number * size], headers)


class _Handler(Quiet, BaseHTTPRequestHandler):
    host: HostServer

    def _do(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(size)
        parts = urlsplit(self.path)
        asked = Asked(
            self.command,
            parts.path.removeprefix(self.host.prefix),
            {name: values[-1] for name, values in parse_qs(parts.query).items()},
            {name.lower(): value for name, value in self.headers.items()},
            json.loads(data) if data else {},
        )
        answer = self.host.answer(asked)
        if answer.status == 0:
            self.close_connection = True
            return
        body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = _do  # noqa: N815 - http.server's names


def fields(
    body: Body, required: Mapping[str, type], optional: Mapping[str, type], status: int
) -> None:
    """Refuse a body that does not have just these fields, of these kinds."""
    for name in required.keys() - body.keys():
        raise RefusedError(status, f"{name} is missing")
    known = {**required, **optional}
    for name, value in body.items():
        if name not in known or not isinstance(value, known[name]):
            raise RefusedError(status, f"{name} is not allowed here")
