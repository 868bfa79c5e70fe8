"""What is asked of a model server and what comes back, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from serving.errors import (
    ChatRequestInvalidError,
    EndpointInvalidError,
    ModelAnswerError,
    ParameterRefusedError,
)

#: The only parameters that reach a model server.
ALLOWED_PARAMETERS = frozenset(
    {
        "temperature",
        "top_p",
        "max_tokens",
        "stop",
        "seed",
        "response_format",
        "presence_penalty",
        "frequency_penalty",
    }
)
#: Bytes of the event stream, not of the answer: one token costs about 300 of them.
DEFAULT_MAX_RESPONSE_BYTES = 32 * 1024 * 1024
#: Arrival times kept of one answer: at most 128 KiB of numbers, however long the answer is.
MAX_CHUNK_TIMES = 4096


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model behind one OpenAI-compatible server.

    `base_url` may end in `/v1` or not. `concurrency` is how many chats run at once,
    `timeout_seconds` bounds one chat from sending to the last byte.
    Raises EndpointInvalidError for an address or a number that cannot be used.
    """

    base_url: str
    served_id: str
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = 4
    timeout_seconds: float = 120
    connect_timeout_seconds: float = 10
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES

    def __post_init__(self) -> None:
        """Refuse what would only fail later, in the middle of a run."""
        _check_url(self.base_url)
        _check_api_key(self.api_key)
        if not self.served_id:
            raise EndpointInvalidError("served_id is empty: name the model the server serves")
        numbers = (
            self.concurrency,
            self.timeout_seconds,
            self.connect_timeout_seconds,
            self.max_response_bytes,
        )
        if not all(number > 0 for number in numbers):
            raise EndpointInvalidError("concurrency, timeouts and sizes must be greater than 0")

    @property
    def root_url(self) -> str:
        """The server's address without `/v1` and without a slash at the end."""
        return self.base_url.rstrip("/").removesuffix("/v1").rstrip("/")

    @property
    def chat_url(self) -> str:
        """Where chats are posted."""
        return f"{self.root_url}/v1/chat/completions"

    @property
    def models_url(self) -> str:
        """Where the server lists what it serves."""
        return f"{self.root_url}/v1/models"

    @property
    def health_url(self) -> str:
        """Where llama.cpp and vLLM say that they are ready."""
        return f"{self.root_url}/health"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat. `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat and its model parameters.

    `top_logprobs` asks for that many of the likeliest tokens at every position; 0 asks for none.
    `ignore_eos` asks an engine that can (vLLM, llama.cpp) to go on until `max_tokens`; it is for
    timing alone and no parameter of a prompt. `afresh` asks a server that can (llama.cpp) to
    compute the whole prompt and use nothing that it kept; it is for fingerprints alone.
    Raises ParameterRefusedError for a parameter outside ALLOWED_PARAMETERS and
    ChatRequestInvalidError for an empty chat.
    """

    messages: tuple[Message, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    top_logprobs: int = 0
    ignore_eos: bool = False
    afresh: bool = False

    def __post_init__(self) -> None:
        """Refuse here, where the mistake is, and not in the worker that sends the chat."""
        if not self.messages:
            raise ChatRequestInvalidError("a chat needs at least one message")
        for name in self.parameters:
            if name not in ALLOWED_PARAMETERS:
                raise _refused(name)

    @property
    def prompt(self) -> str:
        """What a server makes the model's prompt of, in its order: two chats have as much of it in
        common as they have of their prompts. For comparing only.
        """
        return "\x1e".join(f"{message.role}\x1f{message.content}" for message in self.messages)


@dataclass(frozen=True, slots=True)
class LikelyToken:
    """One of the likeliest tokens at a position: its bytes, and its natural log-probability.

    `number` is its id in the vocabulary, where the server tells it (llama.cpp does).
    """

    token: bytes
    logprob: float
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """A complete answer.

    `ttft_ms` is milliseconds from sending to the first non-empty piece of content as seen by the
    client (None: the answer has no content), `total_ms` to its end. `cached_tokens` is None when
    the server does not say how much of the prompt came from its cache. `top_logprobs` holds the
    likeliest tokens of each position, likeliest first; it is empty when the server gives none.

    `chunk_times_ms` are the arrivals of the pieces of content, in milliseconds since sending, the
    first of them `ttft_ms`. Only the first MAX_CHUNK_TIMES are kept; `content_chunks` counts all.
    One piece may hold several tokens, and pieces that came in one read have one time.
    """

    text: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None
    ttft_ms: float | None
    total_ms: float
    system_fingerprint: str | None
    top_logprobs: tuple[tuple[LikelyToken, ...], ...] = ()
    chunk_times_ms: tuple[float, ...] = ()
    content_chunks: int = 0


def chat_body(served_id: str, request: ChatRequest) -> bytes:
    """The JSON body of a streamed chat completion.

    Raises ChatRequestInvalidError when a parameter is not JSON (NaN, a set, an object).
    """
    body = {
        "model": served_id,
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
        **request.parameters,
        **_logprobs(request.top_logprobs),
        **({"ignore_eos": True} if request.ignore_eos else {}),
        **({"cache_prompt": False} if request.afresh else {}),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    try:
        return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = f"the parameters cannot be written as JSON: {error}"
        raise ChatRequestInvalidError(message) from None


def _logprobs(count: int) -> dict[str, Any]:
    return {"logprobs": True, "top_logprobs": count} if count else {}


def model_ids(body: bytes) -> tuple[str, ...]:
    """The ids in an answer of `/v1/models`, in its order. Raises ModelAnswerError."""
    try:
        return tuple(str(model["id"]) for model in json.loads(body)["data"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelAnswerError("the list of models is not an OpenAI model list") from None


def _refused(name: str) -> ParameterRefusedError:
    if name.startswith("guided_"):
        # vLLM dropped guided_*: it ignores them with one log line and answers unconstrained.
        return ParameterRefusedError(
            f"the parameter {name} is not passed on: vLLM ignores it silently",
            hint="use response_format with a json_schema",
        )
    allowed = ", ".join(sorted(ALLOWED_PARAMETERS))
    return ParameterRefusedError(
        f"the parameter {name} is not passed on", hint=f"allowed are: {allowed}"
    )


def _check_url(base_url: str) -> None:
    """The address is not repeated in the errors: it may hold a password."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # as it is looked up, and told to the server
        base_url.encode()
    except ValueError:
        raise EndpointInvalidError("base_url is not a URL") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise EndpointInvalidError("base_url must look like http://host:port or https://host/path")
    if parts.username is not None or parts.password is not None:
        raise EndpointInvalidError(
            "base_url must not hold a user or a password", hint="give the key as api_key"
        )
    if parts.query or parts.fragment or not _is_plain(base_url):
        raise EndpointInvalidError("base_url must not have a query, a fragment or spaces")


def _is_plain(url: str) -> bool:
    return url.isprintable() and not any(mark.isspace() for mark in url)


def _check_api_key(api_key: str | None) -> None:
    """A key with a line end could add headers; one with other letters cannot be sent at all."""
    if api_key is not None and not (api_key and api_key.isascii() and api_key.isprintable()):
        raise EndpointInvalidError("api_key is empty or holds a character that no header can hold")
