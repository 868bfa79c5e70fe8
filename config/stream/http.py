"""As much of HTTP over ASGI as the listener needs: a request, answers, a table of routes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

from registry.api.problem import problem_body

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[str, str]]


class Request:
    """One request, as it came. Its body is read through `receive`, in the pieces it comes in."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """`scope` is ASGI's, of type http."""
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        #: As it was sent: still percent-encoded.
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        self.query: str = scope["query_string"].decode("latin-1")
        self.scheme: str = scope["scheme"]
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]

    def header(self, name: str) -> str:
        """A header by its name in small letters; empty when it was not sent."""
        wanted = name.encode("latin-1")
        return next((v.decode("latin-1") for n, v in self._headers if n == wanted), "")

    def bearer(self) -> str | None:
        """The secret of `Authorization: Bearer`; None when there is none."""
        scheme, _, secret = self.header("authorization").partition(" ")
        return secret.strip() if scheme.lower() == "bearer" else None


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""

    async def send(self, send: Send) -> None:
        """Say it."""
        headers = self.headers
        if self.body:
            headers = [*headers, ("Content-Length", str(len(self.body)))]
        await begin(send, self.status, headers)
        await send({"type": "http.response.body", "body": self.body})


#: Answers a request: returns the answer, or None when it has sent one by itself.
Handler = Callable[[Request, Send], Awaitable[Answer | None]]


def problem(
    status: int, code: str, detail: str, hint: str = "", headers: Headers = (), **fields: Any
) -> Answer:
    """An error as problem+json, as everywhere."""
    body = json.dumps(problem_body(status, code, detail, hint, **fields), ensure_ascii=False)
    sent = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"), *headers]
    return Answer(status, sent, body.encode())


async def begin(send: Send, status: int, headers: Headers) -> None:
    """Send status and headers; the body follows."""
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


class Routes:
    """Which handler answers a path. One that ends in `/` stands for all that begin with it.

    The method `*` stands for all that the path does not name.
    """

    def __init__(self, table: Mapping[str, Mapping[str, Handler]]) -> None:
        """`table`: handlers by method, by path."""
        self._exact = {path: methods for path, methods in table.items() if path[-1] != "/"}
        self._prefixes = [(path, methods) for path, methods in table.items() if path[-1] == "/"]

    async def answer(self, request: Request, send: Send) -> Answer | None:
        """Let the handler answer; 404 and 405 for what has none."""
        methods = self._methods(request.path)
        if methods is None:
            return problem(
                404,
                "route_unknown",
                "There is nothing here.",
                "this is the stream listener; everything else is on the web listener",
            )
        handler = methods.get(request.method) or methods.get("*")
        if handler is None:
            allowed = ", ".join(sorted(methods))
            detail = f"{request.method} is not allowed here, only {allowed}."
            return problem(405, "method_not_allowed", detail, headers=[("Allow", allowed)])
        return await handler(request, send)

    def _methods(self, path: str) -> Mapping[str, Handler] | None:
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        return next((m for prefix, m in self._prefixes if path.startswith(prefix)), None)
