"""Try a version on a model: one answer, told piece by piece to who reads along, and kept nowhere.

It is for looking, not for proof: nothing of it reaches a run, a certificate or the kept answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import connection

from core.errors import InvalidError
from evals.endpoints import endpoint_of
from registry import slow
from registry.domain.actor import Actor, Scope
from registry.domain.model_pin import ModelPin
from registry.models import ModelVersion, PromptVersion
from registry.slow import BusyError
from serving.client import ChatRequest, ChatResponse, Endpoint, Message, ModelClient

#: Tokens of an answer, and seconds that it may take. A thread of a web process waits for it.
MOST_TOKENS, SECONDS = 512, 60.0
_log = logging.getLogger(__name__)


class TryInvalidError(InvalidError):
    """Such an answer cannot be asked for."""

    code = "try_invalid"


def tried(
    *,
    version: PromptVersion,
    messages: Sequence[Mapping[str, str]],
    model: ModelVersion,
    max_tokens: int,
    actor: Actor,
) -> Iterator[str | ChatResponse]:
    """The answer of `model` to a rendered version: its text as it comes, then the whole.

    `max_tokens` bounds it, and so does the version's own if that is less. One at a time for each
    person, and for each web process. Nothing is asked before the first step; closing the iterator
    stops the model. Raises NotAllowedError, TryInvalidError, BusyError, and what the endpoint and
    the client raise.
    """
    actor.require(Scope.EVALUATE, version.prompt.name)
    if not 1 <= max_tokens <= MOST_TOKENS:
        raise TryInvalidError(f"max_tokens must be between 1 and {MOST_TOKENS}")
    endpoint = endpoint_of(ModelPin.from_json(model.pin))
    parameters: dict[str, Any] = dict(version.content["parameters"])
    parameters["max_tokens"] = min(max_tokens, parameters.get("max_tokens", max_tokens))
    chat = tuple(Message(turn["role"], turn["content"]) for turn in messages)
    request = ChatRequest(chat, parameters)
    with _alone(actor), slow.TRIES.one():
        for said in _aloud(endpoint, request):
            if isinstance(said, ChatResponse):
                used = (said.prompt_tokens, said.completion_tokens)
                _log.info("%s tried %s on %s: %d + %d tokens", actor.name, version, model, *used)
            yield said


@contextmanager
def _alone(actor: Actor) -> Iterator[None]:
    """Hold the person's place for the block, in all processes; it ends with the connection at
    worst. Raises BusyError at once when it is taken.
    """
    place = f"assay.try {actor.name}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [place])
        if not cursor.fetchone()[0]:
            raise BusyError("a model answers you already", retry_after_seconds=5)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [place])


def _aloud(endpoint: Endpoint, request: ChatRequest) -> Iterator[str | ChatResponse]:
    """The client's loop runs here, while somebody waits for the next piece."""
    bounded = replace(endpoint, timeout_seconds=min(endpoint.timeout_seconds, SECONDS))
    with asyncio.Runner() as runner:
        news: asyncio.Queue[str | None] = asyncio.Queue()
        asking = runner.get_loop().create_task(_ask(bounded, request, news.put_nowait))
        asking.add_done_callback(lambda _: news.put_nowait(None))
        try:
            while (said := runner.run(news.get())) is not None:
                yield said
            yield asking.result()
        finally:
            asking.cancel()
            runner.run(_ended(asking))


async def _ask(
    endpoint: Endpoint, request: ChatRequest, on_text: Callable[[str], None]
) -> ChatResponse:
    async with ModelClient(endpoint) as client:
        return await client.chat_aloud(request, on_text)


async def _ended(asking: asyncio.Task[ChatResponse]) -> None:
    await asyncio.wait([asking])
