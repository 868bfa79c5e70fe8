"""The Python client: one method for each call of the REST interface (`/api/v1`).

    from assay import Assay

    with Assay("http://127.0.0.1:8000", token) as assay:
        prompt = assay.lookup("support-chat")
        prompt.template, prompt.parameters, prompt.model

Methods return frozen dataclasses (`assay.answers`) and raise AssayApiError. Writes carry an
`Idempotency-Key`, so a call whose answer was lost on the way is safely sent once more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from assay import settings
from assay.answers import (
    Me,
    ProbeAsked,
    ProbedModel,
    PromptSummary,
    PromptTags,
    PublishedVersion,
    RegisteredModel,
    Released,
    RenderedPrompt,
    ServedPrompt,
    Synced,
    TagMove,
    VersionDiff,
)
from assay.case_calls import CaseCalls
from assay.errors import AnswerNotUnderstoodError
from assay.evaluation_calls import EvaluationCalls
from assay.judge_calls import JudgeCalls
from assay.problems import problem, redirected, unreachable
from assay.reading import read
from assay.target import Target

T = TypeVar("T")

#: A sync downloads a repository; everything else answers from the database.
_SYNC_SECONDS = 600.0


class Assay(EvaluationCalls, JudgeCalls, CaseCalls):
    """A connection to one Assay server. Safe to share between threads; close it when done."""

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

    def me(self) -> Me:
        """Who the token stands for."""
        return read(Me, self._get("/me"))

    def lookup(
        self, name: str, *, tag: str | None = None, version: int | None = None
    ) -> ServedPrompt:
        """What an application needs to call a model: the template, its parameters, the model.

        `tag` defaults to `stable`. `canary` answers `stable` with `fallback` true while no canary
        is set. Needs the scope `lookup`.
        """
        return read(ServedPrompt, self._get(_prompt(name), tag=tag, version=version))

    def prompts(self) -> Iterator[PromptSummary]:
        """Every prompt this token may read, page by page."""
        return self._pages(PromptSummary, "/prompts")

    def tags(self, name: str) -> PromptTags:
        """A prompt's tags and version numbers."""
        return read(PromptTags, self._get(_prompt(name, "tags")))

    def versions(self, name: str) -> Iterator[PublishedVersion]:
        """A prompt's versions with their certificates, page by page."""
        return self._pages(PublishedVersion, _prompt(name, "versions"))

    def history(self, name: str, *, tag: str | None = None) -> Iterator[TagMove]:
        """The ledger of a prompt, newest first, page by page."""
        return self._pages(TagMove, _prompt(name, "history"), tag=tag)

    def diff(self, name: str, old: int, new: int) -> VersionDiff:
        """What changed between two versions, for readers and for callers."""
        return read(VersionDiff, self._get(_prompt(name, "diff"), old=old, new=new))

    def models(self) -> tuple[RegisteredModel, ...]:
        """The model versions the server knows."""
        return tuple(self._pages(RegisteredModel, "/models"))

    def model(self, name: str) -> ProbedModel:
        """One model version, and the newest looks at its server."""
        return read(ProbedModel, self._get(f"/models/{quote(name)}"))

    def probe(self, name: str, *, fingerprint: bool = False) -> ProbeAsked:
        """Have a model's server looked at soon; `model(name).probe` shows it then."""
        body = {"fingerprint": fingerprint}
        return read(ProbeAsked, self._post(f"/models/{quote(name)}/probes", body))

    def render(
        self,
        name: str,
        *,
        tag: str | None = None,
        version: int | None = None,
        variables: dict[str, Any] | None = None,
        placeholders: dict[str, Any] | None = None,
    ) -> RenderedPrompt:
        """A version (or what `tag` points at, default `stable`) with its variables put in."""
        where = {"version": version} if version is not None else {"tag": tag or "stable"}
        filled = {"variables": variables or {}, "placeholders": placeholders or {}}
        return read(RenderedPrompt, self._post(_prompt(name, "render"), where | filled))

    def promote(self, target: Target, *, reason: str = "") -> TagMove:
        """Point a tag at a certified version. Kind `refused`, code `not_certified` without one."""
        return self._move(target, "promotions", reason)

    def rollback(
        self,
        name: str,
        *,
        tag: str = "stable",
        to_version: int | None = None,
        reason: str = "",
        expected_revision: int | None = None,
    ) -> TagMove:
        """Restore what the tag pointed at before, or the newest earlier `to_version`."""
        body = {"tag": tag, "to_version": to_version, "reason": reason}
        body["expected_revision"] = expected_revision
        return read(TagMove, self._post(_prompt(name, "rollbacks"), body))

    def set_canary(self, target: Target, *, reason: str = "") -> TagMove:
        """Send `target.weight` percent of keyed traffic to a version certified for `canary`."""
        return self._move(target, "canary", reason)

    def clear_canary(
        self, name: str, *, reason: str = "", expected_revision: int | None = None
    ) -> TagMove:
        """End the canary; its traffic goes to `stable` again."""
        body = _given({"reason": reason, "expected_revision": expected_revision})
        return read(TagMove, self._call("DELETE", _prompt(name, "canary"), body=body))

    def override(self, target: Target, *, reason: str) -> TagMove:
        """Break the glass: point a tag at a version without a certificate. Scope `admin`."""
        return self._move(target, "overrides", reason)

    def release(self, targets: Sequence[Target], *, reason: str = "") -> Released:
        """Promote several tags together: all of them move, or none does."""
        body = {"targets": [_given(asdict(target)) for target in targets], "reason": reason}
        return read(Released, self._post("/releases", body))

    def sync(self) -> Synced:
        """Read the prompt repository now. A failed sync is told in `error`, not raised."""
        return read(Synced, self._call("POST", "/syncs", body={}, timeout=_SYNC_SECONDS))

    def last_sync(self) -> Synced:
        """What the last sync said."""
        return read(Synced, self._get("/syncs/last"))

    def _move(self, target: Target, action: str, reason: str) -> TagMove:
        body = asdict(target) | {"reason": reason}
        name = body.pop("prompt")
        if action == "canary":
            del body["tag"]  # the path says it
        return read(TagMove, self._post(_prompt(name, action), body))

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
        return self._call("GET", path, query=_given(query))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, body=_given(body))

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


def _prompt(name: str, *rest: str) -> str:
    return "/".join(("/prompts", quote(name, safe="/"), *rest))


def _once(method: str) -> dict[str, str]:
    """The key by which the server recognises a write that it has already done."""
    return {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Without what was left out: the server's own defaults hold then."""
    return {key: value for key, value in values.items() if value is not None}


def _json(answer: httpx.Response) -> Any:
    """The body's JSON; None when it is something else."""
    try:
        return answer.json()
    except ValueError:
        return None
