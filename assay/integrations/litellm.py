"""LiteLLM's proxy takes its prompts from Assay: by label, by version, and with their variables.

    # assay_prompts.py, beside config.yaml
    from assay.integrations.litellm import AssayPrompts
    prompts = AssayPrompts()  # ASSAY_URL and ASSAY_TOKEN

    # config.yaml
    litellm_settings:
      callbacks: ["assay_prompts.prompts"]

A caller then sends `prompt_id`, and `prompt_label` (a tag, `stable` when absent) or
`prompt_version`, and `prompt_variables`. `user` decides the arm of a canary.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import litellm
from litellm.integrations.custom_prompt_management import CustomPromptManagement

from assay.answers import ServedPrompt
from assay.client import Assay
from assay.errors import AssayApiError
from core.errors import AssayError, InvalidError, NotFoundError, UnavailableError
from registry.domain.template.analysis import placeholder_names
from registry.domain.template.render import render
from registry.domain.version import VersionContent

_log = logging.getLogger(__name__)
#: Answers kept: keys of users are the caller's choice.
_MOST_KEPT = 10_000

Messages = list[dict[str, Any]]


class _Asked(NamedTuple):
    name: str
    tag: str | None
    version: int | None
    key: str | None


class _Kept(NamedTuple):
    prompt: ServedPrompt
    until: float


class AssayPrompts(CustomPromptManagement):  # type: ignore[misc]  # LiteLLM is not installed here
    """The callback. Only its async method is LiteLLM's: with both, it would ask twice."""

    def __init__(
        self, url: str | None = None, token: str | None = None, *, ttl_seconds: float = 5.0
    ) -> None:
        """`ttl_seconds`: how long an answer is good for. A tag that moved is seen after that.

        When Assay does not answer, the last answer goes on being used.
        """
        super().__init__()
        self._assay = Assay(url, token, timeout_seconds=5)
        self._ttl_seconds = ttl_seconds
        self._kept: dict[_Asked, _Kept] = {}
        self._writing = threading.Lock()

    async def async_get_chat_completion_prompt(
        self,
        model: str,
        messages: Messages,
        non_default_params: dict[str, Any],
        prompt_id: str | None,
        prompt_variables: Mapping[str, Any] | None,
        prompt_label: str | None = None,
        prompt_version: int | None = None,
        **_unused: Any,
    ) -> tuple[str, Messages, dict[str, Any]]:
        """The prompt's messages with the caller's, and the prompt's parameters where he has none.

        Raises litellm.NotFoundError and litellm.BadRequestError, which the caller gets.
        """
        if not prompt_id:
            return model, messages, non_default_params
        user = _user(non_default_params)
        tag = None if prompt_version is not None else prompt_label or "stable"
        asked = _Asked(prompt_id, tag, prompt_version, user if tag == "stable" else None)
        try:
            # Neither a request nor a template may hold up the proxy's other callers.
            prompt = await asyncio.to_thread(self._prompt, asked)
            written = await asyncio.to_thread(_written, prompt, prompt_variables or {}, messages)
        except (AssayApiError, AssayError) as error:
            raise _refusal(error, model) from error
        return model, written, {**prompt.parameters, **non_default_params}

    def _prompt(self, asked: _Asked) -> ServedPrompt:
        kept = self._kept.get(asked)
        now = time.monotonic()
        if kept is not None and now < kept.until:
            return kept.prompt
        try:
            prompt = self._assay.lookup(
                asked.name, tag=asked.tag, version=asked.version, key=asked.key
            )
        except (AssayApiError, UnavailableError) as error:
            if kept is None or _kind(error) is not UnavailableError:
                raise
            _log.warning("Assay does not answer, %s stays as it was: %s", asked.name, error)
            prompt = kept.prompt
        with self._writing:
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[asked] = _Kept(prompt, time.monotonic() + self._ttl_seconds)
        return prompt


def _user(parameters: Mapping[str, Any]) -> str | None:
    """Who the caller says the call is for: LiteLLM hands `user` on in the whole request only."""
    request = parameters.get("proxy_server_request") or {}
    user = parameters.get("user") or (request.get("body") or {}).get("user")
    return user if isinstance(user, str) and user else None


def _written(prompt: ServedPrompt, variables: Mapping[str, Any], messages: Messages) -> Messages:
    """The prompt with its variables in; the caller's messages at its placeholder, else after it.

    Whatever a message holds besides text (tool calls, images) stays in it.
    """
    kind: Any = prompt.type
    content = VersionContent(
        prompt.name,
        prompt.version,
        "",
        kind,
        variables=prompt.variables,
        source=prompt.template,
    )
    # A prompt has one place for the conversation; what its others are for is not known here.
    names = placeholder_names(content)[:1]
    mark = secrets.token_hex(16)
    placed = {name: [{"role": "user", "content": mark}] for name in names}
    rendered = render(content, variables, placed)
    said = [{"role": one.role, "content": one.content} for one in rendered.messages]
    if not names:
        return said + messages
    return _replaced(said, mark, messages)


def _replaced(said: Messages, mark: str, messages: Sequence[dict[str, Any]]) -> Messages:
    where = next((at for at, one in enumerate(said) if one["content"] == mark), None)
    if where is None:  # it stands in a branch that was not taken
        return [*said, *messages]
    return [*said[:where], *messages, *said[where + 1 :]]


def _kind(error: AssayApiError | AssayError) -> type[AssayError]:
    kind = error.kind if isinstance(error, AssayApiError) else ""
    if kind == "not_found" or isinstance(error, NotFoundError):
        return NotFoundError
    is_passing = kind == "unavailable" or isinstance(error, UnavailableError)
    return UnavailableError if is_passing else InvalidError


def _refusal(error: AssayApiError | AssayError, model: str) -> Exception:
    """What the proxy answers: 404, 503 or 400."""
    theirs: dict[type[AssayError], Any] = {
        NotFoundError: litellm.NotFoundError,
        UnavailableError: litellm.ServiceUnavailableError,
    }
    kind = theirs.get(_kind(error), litellm.BadRequestError)
    made: Exception = kind(message=f"Assay: {error.message}", model=model, llm_provider="assay")
    return made
