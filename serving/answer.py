"""Puts a streamed chat completion together again. Pure: the caller brings events and times."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.errors import (
    ModelAnswerError,
    ModelUnavailableError,
    error_reason,
    http_error,
    malformed,
)
from serving.messages import MAX_CHUNK_TIMES, ChatResponse, LikelyToken
from serving.sse import ServerEvent

#: Finish reasons by which a server says that it gave up (vLLM: shut down, failed inside).
_GIVEN_UP = frozenset({"abort", "error"})
#: Words in the `type` of an error without a code that mean: the server's fault, try again.
_TRANSIENT_TYPES = ("server", "internal", "overload", "rate_limit", "timeout")


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the server reports them. `cached` is None when it does not say."""

    prompt: int
    completion: int
    cached: int | None


class StreamedAnswer:
    """Collects the chunks of one answer; `finish` gives it out only when it is whole."""

    def __init__(self, secret: str | None = None) -> None:
        """Start before the first event. `secret` (the API key) is kept out of errors."""
        self._secret = secret
        self._pieces: list[str] = []
        self._told = 0
        self._top_logprobs: list[tuple[LikelyToken, ...]] = []
        self._finish_reason = ""
        self._model = ""
        self._usage: Usage | None = None
        self._system_fingerprint: str | None = None
        self._chunk_times_ms: list[float] = []
        self.is_done = False

    @property
    def has_begun(self) -> bool:
        """Whether there is content."""
        return bool(self._pieces)

    def news(self) -> str:
        """The content that came since this was asked last; it may end in half a character."""
        news = "".join(self._pieces[self._told :])
        self._told = len(self._pieces)
        return news

    def add(self, event: ServerEvent, elapsed_ms: float) -> None:
        """Take in one event, `elapsed_ms` after the request was sent.

        Raises ModelAnswerError for a malformed chunk, and the error the server put into it.
        """
        if event.data.startswith("[DONE]"):
            self.is_done = True
            return
        chunk = _json_object(event.data)
        if event.name == "error" or chunk.get("error"):
            raise _stream_error(chunk.get("error") or chunk, self._secret)
        self._read_head(chunk)
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            malformed("a chunk without choices")
        for choice in choices:
            self._read_choice(choice, elapsed_ms)

    def finish(self, total_ms: float) -> ChatResponse:
        """The whole answer. Raises when a part is missing: a short answer is no answer."""
        if not self._finish_reason:
            # So vLLM 0.32 ends, with usage and [DONE], what it had taken in and not begun when it
            # was told to stop: another try meets the next server.
            raise ModelUnavailableError("the stream ended without a finish_reason")
        if self._finish_reason in _GIVEN_UP:
            raise ModelUnavailableError(
                f"the model server gave the answer up (finish_reason {self._finish_reason!r})"
            )
        if self._usage is None:
            raise ModelAnswerError(
                "the answer has no usage, so its tokens cannot be counted",
                hint="the server must support stream_options.include_usage",
            )
        return ChatResponse(
            text=_joined(self._pieces),
            finish_reason=self._finish_reason,
            model=self._model,
            prompt_tokens=self._usage.prompt,
            completion_tokens=self._usage.completion,
            cached_tokens=self._usage.cached,
            ttft_ms=self._chunk_times_ms[0] if self._chunk_times_ms else None,
            total_ms=total_ms,
            system_fingerprint=self._system_fingerprint,
            top_logprobs=tuple(self._top_logprobs),
            chunk_times_ms=tuple(self._chunk_times_ms),
            content_chunks=len(self._pieces),
        )

    def _read_head(self, chunk: Mapping[str, Any]) -> None:
        model, fingerprint = chunk.get("model"), chunk.get("system_fingerprint")
        if isinstance(model, str):
            self._model = model
        if isinstance(fingerprint, str):  # vLLM sends it with the usage only
            self._system_fingerprint = fingerprint
        if chunk.get("usage") is not None:  # the last one counts: some servers send it every time
            self._usage = _usage(chunk["usage"])

    def _read_choice(self, choice: Any, elapsed_ms: float) -> None:
        if not isinstance(choice, dict):
            malformed("a choice that is not an object")
        if choice.get("index"):
            malformed("several choices, although one was asked for")
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict):
            malformed("a delta that is not an object")
        content = delta.get("content")
        if content:
            if not isinstance(content, str):
                malformed("content that is not text")
            if len(self._chunk_times_ms) < MAX_CHUNK_TIMES:
                self._chunk_times_ms.append(elapsed_ms)
            self._pieces.append(content)
        self._top_logprobs.extend(_top_logprobs(choice.get("logprobs")))
        self._read_finish_reason(choice.get("finish_reason"))

    def _read_finish_reason(self, reason: Any) -> None:
        if reason is None or reason == "":
            return
        if not isinstance(reason, str):
            malformed("a finish_reason that is not text")
        self._finish_reason = reason


def require_event_stream(headers: Mapping[str, str]) -> None:
    """Raise ModelAnswerError when an answer with these headers, whose names are in lower case, is
    no plain event stream.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower() or "of no type"
    encoding = headers.get("content-encoding", "identity")
    if kind != "text/event-stream" or encoding != "identity":
        raise ModelAnswerError(
            f"the answer is {kind} ({encoding}), not an event stream",
            hint="base_url must lead to an OpenAI-compatible server that can stream",
        )


def require_marked_end(headers: Mapping[str, str]) -> None:
    """Raise ModelUnavailableError when the end of such a body and a broken connection look alike.

    HTTP/1.1 marks the end of a body by its length or by chunks (RFC 9112, 6.3).
    """
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    if not chunked and "content-length" not in headers:
        raise ModelUnavailableError("the model server closed the connection in mid-stream")


def _stream_error(error: Any, secret: str | None) -> ModelUnavailableError | ModelAnswerError:
    """The typed error for an error object inside a stream, where the status was 200 already."""
    reason = error_reason(error, secret=secret)
    fields = error if isinstance(error, dict) else {}
    code = str(fields.get("code", ""))
    if len(code) == 3 and code.isdecimal() and code >= "400":
        return http_error(int(code), reason)
    message = f"the model server broke the answer off: {reason}"
    if any(word in str(fields.get("type", "")).lower() for word in _TRANSIENT_TYPES):
        return ModelUnavailableError(message)
    return ModelAnswerError(message)


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        malformed("usage that is not an object")
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt=_count(usage.get("prompt_tokens")),
        completion=_count(usage.get("completion_tokens")),
        cached=None if cached is None else _count(cached),
    )


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:  # bool is an int, but no count
        malformed("a token count that is not a whole number")
    return value


def _top_logprobs(logprobs: Any) -> list[tuple[LikelyToken, ...]]:
    """One entry a position. Nothing, or the shape of the older completions API, is none."""
    positions = logprobs.get("content") if isinstance(logprobs, dict) else None
    if positions is None:
        return []
    if not isinstance(positions, list):
        malformed("log-probabilities that are no list")
    return [_likely_tokens(position) for position in positions]


def _likely_tokens(position: Any) -> tuple[LikelyToken, ...]:
    tokens = position.get("top_logprobs") if isinstance(position, dict) else None
    if not isinstance(tokens, list):
        malformed("log-probabilities of no tokens")
    return tuple(_likely_token(token) for token in tokens)


def _likely_token(token: Any) -> LikelyToken:
    """By its bytes: two tokens that are no whole characters may read alike."""
    if not isinstance(token, dict):
        malformed("a log-probability of nothing")
    logprob = token.get("logprob")
    if not isinstance(logprob, float | int) or not math.isfinite(logprob):
        malformed("a log-probability that is not a number")
    number = token.get("id")
    return LikelyToken(_token_bytes(token), float(logprob), number if type(number) is int else None)


def _token_bytes(token: dict[str, Any]) -> bytes:
    data, text = token.get("bytes"), token.get("token")
    if isinstance(data, list):
        try:
            return bytes(data)
        except (TypeError, ValueError):
            malformed("token bytes that are none")
    if not isinstance(text, str):
        malformed("a token that is neither text nor bytes")
    return text.encode("utf-8", "surrogatepass")


def _joined(pieces: list[str]) -> str:
    """The text. A server that counts in UTF-16 may cut a character in two: put it together."""
    text = "".join(pieces)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _without_surrogates(text)
    return text


def _without_surrogates(text: str) -> str:
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        malformed("half a character (a lone surrogate)")


def _json_object(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        malformed("an event that is not JSON")
    if not isinstance(chunk, dict):
        malformed("an event that is not a JSON object")
    return chunk
