"""How the client calls: the connection, one request and its answer, a list page by page."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from assay import settings
from assay.errors import AnswerNotUnderstoodError
from assay.problems import problem, redirected, unreachable
from assay.reading import read

T = TypeVar("T")


class Calling:
    """The connection to one server. What is called over it is for those who inherit it."""

    def __init__(
        self, url: str | None = None, token: str | None = None, *, timeout_seconds: float = 30
    ) -> None:
        """`url` and `token` default to `ASSAY_URL` and `ASSAY_TOKEN` (or `ASSAY_TOKEN_FILE`).

        Raises SettingInvalidError for an address that is not http(s).
        """
        self.url = settings.url() if url is None else settings.check_url(url)
        secret = settings.token() if token is None else token
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Accept": "application/json", "User-Agent": "assay"}
            | ({"Authorization": f"Bearer {secret}"} if secret else {}),
            timeout=timeout_seconds,
            # A proxy cannot reach this machine's own loopback for us.
            trust_env=not settings.is_loopback(self.url),
        )

    def __enter__(self) -> Self:
        """`with Assay() as assay:` closes the connection at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _pages(self, kind: type[T], path: str, **query: Any) -> Iterator[T]:
        page = self._get(path, **query)
        while True:
            yield from (read(kind, item) for item in page.get("results", []))
            if not page.get("next"):
                return
            # Only the cursor is taken from the link: behind a proxy its host may be another, and
            # the token goes nowhere but to our own address.
            page = self._call("GET", f"{path}?{urlsplit(page['next']).query}")

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._call("GET", path, query=given(query))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, body=given(body))

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        request = self._http.build_request(
            method,
            f"/api/v1{path}",
            params=query or None,
            json=body,
            headers=_once(method),
            timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
        )
        answer = self._sent(request)
        if answer.is_redirect:
            raise redirected(self.url, answer.status_code, answer.headers.get("Location", ""))
        content = _json(answer)
        if answer.is_error:
            raise problem(answer.status_code, content)
        if not isinstance(content, dict):
            raise AnswerNotUnderstoodError(f"{self.url} did not answer with a JSON object")
        return content

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """The answer. A connection that breaks before one arrived is tried once more.

        Reads change nothing, and writes carry their key.
        """
        try:
            try:
                return self._http.send(request)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                return self._http.send(request)
        except httpx.TimeoutException as error:
            raise unreachable(self.url, "it took too long") from error
        except httpx.TransportError as error:
            raise unreachable(self.url, str(error) or type(error).__name__) from error


def prompt_path(name: str, *rest: str) -> str:
    """Where a prompt is, or something of it."""
    return "/".join(("/prompts", quote(name, safe="/"), *rest))


def _once(method: str) -> dict[str, str]:
    """The key by which the server recognises a write that it has already done."""
    return {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Without what was left out: the server's own defaults hold then."""
    return {key: value for key, value in values.items() if value is not None}


def _json(answer: httpx.Response) -> Any:
    """The body's JSON; None when it is something else."""
    try:
        return answer.json()
    except ValueError:
        return None
