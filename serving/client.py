"""The client of every model call: one streamed chat, some embeddings, one likelihood.

One request, one typed answer. Chats are streamed and timed; everything else comes in one piece.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from serving.answer import StreamedAnswer, require_event_stream, require_marked_end
from serving.embeddings import Embeddings, EmbeddingsRequest, embeddings_body, read_embeddings
from serving.errors import (
    ChatRequestInvalidError,
    EndpointInvalidError,
    ModelAnswerError,
    ModelFeatureMissingError,
    ModelRequestInvalidError,
    ModelUnavailableError,
    ParameterRefusedError,
)
from serving.likelihood import (
    Likelihood,
    LikelihoodRequest,
    answer_body,
    completion_body,
    question_body,
    read_likelihood,
    read_tokens,
)
from serving.messages import (
    ALLOWED_PARAMETERS,
    ChatRequest,
    ChatResponse,
    Endpoint,
    Message,
    chat_body,
    model_ids,
)
from serving.seats import Pace, Seats
from serving.sse import EventStream
from serving.token_count import llamacpp_body, read_count, vllm_body
from serving.transport import Answer, Transport

__all__ = [
    "ALLOWED_PARAMETERS",
    "ChatRequest",
    "ChatRequestInvalidError",
    "ChatResponse",
    "Embeddings",
    "EmbeddingsRequest",
    "Endpoint",
    "EndpointInvalidError",
    "Likelihood",
    "LikelihoodRequest",
    "Message",
    "ModelAnswerError",
    "ModelClient",
    "ModelFeatureMissingError",
    "ModelRequestInvalidError",
    "ModelUnavailableError",
    "ParameterRefusedError",
]

_MODELS_BODY_BYTES = 4 * 1024 * 1024
_PAGE_BYTES = 4 * 1024 * 1024
#: How servers say that they do not know an address or what is asked there.
_UNKNOWN = frozenset({404, 405, 501})


class ModelClient:
    """Asks one model. Use it as `async with ModelClient(endpoint) as client`, in one loop.

    At most `endpoint.concurrency` requests run at once, fewer after the server complained (429,
    503; see `serving.seats`); the others wait their turn. Waiting is in no timeout and no measured
    time. Errors are ModelUnavailableError and ModelAnswerError: `transient` says whether trying
    again can help, and trying again is the caller's business.
    """

    def __init__(self, endpoint: Endpoint, *, longest_pause_seconds: float = 60.0) -> None:
        """No connection is made before the first request. When the server asks to be left alone
        for longer than `longest_pause_seconds`, it is asked again after that.
        """
        self.endpoint = endpoint
        self.pace = Pace(endpoint.concurrency, longest_pause_seconds=longest_pause_seconds)
        self._seats = Seats(self.pace)
        self._transport = Transport(endpoint)
        self._tokenize_body: Callable[[str, str], bytes] | None = None

    def __repr__(self) -> str:
        """The endpoint, without its key."""
        return f"ModelClient({self.endpoint!r})"

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._transport.close()

    async def chat(
        self,
        request: ChatRequest,
        *,
        place: int = 0,
        on_begun: Callable[[], bool] | None = None,
    ) -> ChatResponse:
        """One whole answer or an error, never a part of an answer.

        Of those that wait, the lowest `place` is sent first. `on_begun` is called when the first of
        the content is here: the server is through with the prompt. It tells whether somebody is
        sent because of it, who then queues up before the seat is free. Cancelling closes the
        connection, which makes the server stop.
        """
        return await self._chat(request, place, on_begun, None)

    async def chat_aloud(
        self, request: ChatRequest, on_text: Callable[[str], None]
    ) -> ChatResponse:
        """As `chat`, for somebody who reads along: `on_text` gets the content as it comes. What it
        got before an error is a part of no answer.
        """
        return await self._chat(request, 0, None, on_text)

    async def embeddings(self, request: EmbeddingsRequest) -> Embeddings:
        """One vector per text, in the order of the texts.

        Raises ModelFeatureMissingError when the server has no embeddings.
        """
        body = embeddings_body(self.endpoint.served_id, request)
        async with self._seats.seat():
            answer = await self._told(f"{self.endpoint.root_url}/v1/embeddings", body)
        return read_embeddings(answer, len(request.texts))

    async def likelihood(self, request: LikelihoodRequest) -> Likelihood:
        """How likely the model finds the answer, given the question: three small requests.

        Raises ModelFeatureMissingError when the server cannot tell (llama.cpp's cannot).
        """
        served_id, root = self.endpoint.served_id, self.endpoint.root_url
        async with self._seats.seat():
            ask = f"{root}/tokenize"
            question = read_tokens(await self._told(ask, question_body(served_id, request)))
            answer = read_tokens(await self._told(ask, answer_body(served_id, request)))
            body = completion_body(served_id, question, answer)
            completion = await self._told(f"{root}/v1/completions", body)
        return read_likelihood(completion, question, answer)

    async def served_ids(self) -> tuple[str, ...]:
        """The ids the server lists under `/v1/models`, in its order."""
        async with self._transport.get(self.endpoint.models_url).answered() as answer:
            return model_ids(await answer.body(_MODELS_BODY_BYTES))

    async def page(self, path: str) -> bytes:
        """What the server shows at `path` (`/metrics`), at most 4 MiB. Takes no seat.

        Raises ModelFeatureMissingError when there is nothing.
        """
        with _features():
            call = self._transport.get(f"{self.endpoint.root_url}{path}")
            async with call.answered() as answer:
                return await answer.body(_PAGE_BYTES)

    async def tokenizes(self) -> bool:
        """Whether the server tells the tokens of a text as vLLM does. Takes no seat.

        Raises what asking raises.
        """
        body = question_body(self.endpoint.served_id, LikelihoodRequest("a", "a"))
        try:
            return bool(read_tokens(await self._told(f"{self.endpoint.root_url}/tokenize", body)))
        except ModelFeatureMissingError:
            return False

    async def token_count(self, text: str) -> int:
        """How many tokens the text is, without what begins or ends a prompt: vLLM and llama.cpp
        tell. Of nothing, nothing is asked.

        Raises ModelFeatureMissingError when the server cannot tell.
        """
        if not text:
            return 0
        async with self._seats.seat():
            if self._tokenize_body is None:
                self._tokenize_body = vllm_body if await self.tokenizes() else llamacpp_body
            body = self._tokenize_body(self.endpoint.served_id, text)
            return read_count(await self._told(f"{self.endpoint.root_url}/tokenize", body))

    async def healthy(self) -> bool:
        """Whether the server says that it is ready, within 5 seconds; every failure is a no.

        Servers without `/health` are asked for their models instead.
        """
        endpoint = self.endpoint
        return await self._transport.status(endpoint.health_url, endpoint.models_url) == 200

    async def _chat(
        self,
        request: ChatRequest,
        place: int,
        on_begun: Callable[[], bool] | None,
        on_text: Callable[[str], None] | None,
    ) -> ChatResponse:
        body = chat_body(self.endpoint.served_id, request)
        with self._transport.post(self.endpoint.chat_url, body) as call:
            async with self._seats.seat(place, call.send_at_once), call.answered() as answer:
                require_event_stream(answer.headers)
                return await self._read_stream(answer, call.sent_at, on_begun, on_text)

    async def _told(self, url: str, body: bytes) -> bytes:
        """The whole answer to one request."""
        with _features():
            async with self._transport.post(url, body).answered() as answer:
                return await answer.body(self.endpoint.max_response_bytes)

    async def _read_stream(
        self,
        answer: Answer,
        started: float,
        on_begun: Callable[[], bool] | None,
        on_text: Callable[[str], None] | None,
    ) -> ChatResponse:
        events, streamed, size = EventStream(), StreamedAnswer(self.endpoint.api_key), 0
        limit = self.endpoint.max_response_bytes
        while (piece := await answer.next()) is not None:
            elapsed_ms = (piece.arrived - started) * 1000
            size += len(piece.data)
            if size > limit:
                raise ModelAnswerError(f"the answer is longer than {limit} bytes of stream")
            for event in events.feed(piece.data):
                streamed.add(event, elapsed_ms)
                if on_text is not None and (news := streamed.news()):
                    on_text(news)
                if on_begun is not None and streamed.has_begun:
                    if on_begun():
                        await asyncio.sleep(0)
                    on_begun = None
                if streamed.is_done:
                    whole = streamed.finish(elapsed_ms)
                    await answer.drain()
                    return whole
        require_marked_end(answer.headers)
        return streamed.finish((time.perf_counter() - started) * 1000)


@contextmanager
def _features() -> Iterator[None]:
    """What the server has no address for, it does not offer."""
    try:
        yield
    except ModelAnswerError as error:
        if error.status in _UNKNOWN:
            raise ModelFeatureMissingError(error.message, status=error.status) from None
        raise
