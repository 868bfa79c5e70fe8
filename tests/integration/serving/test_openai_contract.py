"""The bare client and the `openai` package are two readings of one protocol: they must agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from serving.client import (
    ChatRequest,
    Endpoint,
    Message,
    ModelAnswerError,
    ModelClient,
    ModelUnavailableError,
)
from tests.integration.serving.scripted_server import (
    CHUNKED_HEAD,
    HELLO,
    Act,
    Reply,
    ScriptedServer,
    answer,
    chunk,
    delta,
    event,
    plain,
    stream,
    usage,
)


@dataclass(frozen=True)
class Outcome:
    """What both clients must see alike."""

    text: str
    finish_reason: str
    model: str
    tokens: tuple[int, int, int | None]
    system_fingerprint: str | None


@dataclass(frozen=True)
class Failure:
    """`kind` is connection, status, or broken (a stream that says it failed)."""

    kind: str
    transient: bool
    status: int | None = None


async def ours(url: str, request: ChatRequest, seconds: float = 60) -> Outcome:
    endpoint = Endpoint(url, "smollm2", api_key="key", timeout_seconds=seconds)
    async with ModelClient(endpoint) as client:
        got = await client.chat(request)
    tokens = (got.prompt_tokens, got.completion_tokens, got.cached_tokens)
    return Outcome(got.text, got.finish_reason, got.model, tokens, got.system_fingerprint)


async def theirs(url: str, request: ChatRequest, seconds: float = 60) -> Outcome:
    text, finish_reason, model, tokens, fingerprint = "", "", "", (-1, -1, None), None
    async with openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key="key", max_retries=0, timeout=seconds
    ) as client:
        messages: Any = [{"role": m.role, "content": m.content} for m in request.messages]
        chunks: Any = await client.chat.completions.create(
            model="smollm2",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            **request.parameters,
        )
        async for part in chunks:
            model, fingerprint = part.model, part.system_fingerprint or fingerprint
            for choice in part.choices:
                text += choice.delta.content or ""
                finish_reason = choice.finish_reason or finish_reason
            if part.usage:
                details = part.usage.prompt_tokens_details
                cached = details.cached_tokens if details else None
                tokens = (part.usage.prompt_tokens, part.usage.completion_tokens, cached)
    return Outcome(text, finish_reason, model, tokens, fingerprint)


NO_CONNECTION = Failure("connection", transient=True)


async def our_failure(chat: Awaitable[Outcome]) -> Failure:
    try:
        await chat
    except (ModelUnavailableError, ModelAnswerError) as error:
        if error.status is not None:
            return Failure("status", error.transient, error.status)
        kind = "broken" if "broke the answer off" in error.message else "connection"
        return Failure(kind, error.transient)
    pytest.fail("no error")


async def their_failure(chat: Awaitable[Outcome]) -> Failure:
    try:
        await chat
    except openai.APIStatusError as error:
        transient = isinstance(error, openai.RateLimitError | openai.InternalServerError)
        return Failure("status", transient, error.status_code)
    except openai.APIConnectionError:
        return NO_CONNECTION
    except openai.APIError:
        return Failure("broken", transient=False)
    pytest.fail("no error")


def cut(*events: bytes, every: int) -> Reply:
    data = b"".join(events)
    return stream(*(data[at : at + every] for at in range(0, len(data), every)))


CACHED = usage(7, 2, prompt_tokens_details={"cached_tokens": 5})
TWO_LINES = (
    b'data: {"choices":[{"index":0,"delta":{"content":"two"},\ndata: "finish_reason":null}]}\n\n'
)
NAMED = b"event: message\nid: 7\nretry: 10\ndata:" + event(delta("Hi"))[6:]
FINE: dict[str, Reply] = {
    "plain": stream(*answer("Good", " day")),
    "CRLF": stream(*answer("Good", " day", end="\r\n")),
    "CR": stream(*answer("Good", " day", end="\r")),
    "cut into single bytes": cut(*answer("Grüß ", "dich 👋", end="\r\n"), every=1),
    "cut into sevens": cut(*answer("Grüß ", "dich 👋"), every=7),
    "all at once": stream(b"".join(answer("Good", " day"))),
    "comments": stream(b": keep-alive\n\n:\n", *answer("Good")[:2], b": x\n\n", *answer()[1:]),
    "an event over two lines": stream(*answer("one")[:2], TWO_LINES, *answer()[1:]),
    "an event with other fields": stream(NAMED, *answer()[1:]),
    "no [DONE]": stream(*answer("Good", " day")[:-1]),
    "no content": stream(*answer()),
    "null content": stream(event(delta()), *answer("Hi")[1:]),
    "line ends in the content": stream(*answer("a\n", "\r\n\n", "b\u2028")),
    "cached tokens": stream(event(delta("Hi", "length")), event(CACHED), event("[DONE]")),
    "usage beside the finish reason": stream(
        event(delta("Hi")), event(delta(finish="stop", usage=CACHED["usage"])), event("[DONE]")
    ),
    "content filter": stream(event(delta("", "content_filter")), *answer()[2:]),
}


@pytest.mark.parametrize("reply", FINE.values(), ids=FINE.keys())
def test_they_read_the_same_answer(reply: Reply) -> None:
    async def story() -> None:
        async with ScriptedServer(reply) as server:
            assert await ours(server.url, HELLO) == await theirs(server.url, HELLO)
            assert server.received[0].json == server.received[1].json

    asyncio.run(story())


ERROR = {"error": {"message": "no", "type": "x", "code": None}}
STATUSES = (400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 529)
FAILING: dict[str, Reply] = {
    **{str(status): plain(f"{status} No", ERROR) for status in STATUSES},
    "an error body that is no JSON": plain("502 Bad Gateway", b"<html>nginx</html>"),
    "a hang-up before the answer": (Act.HANG_UP,),
    "a reset before the answer": (Act.RESET,),
    "a hang-up in mid-stream": (CHUNKED_HEAD, chunk(event(delta("Hi"))), Act.HANG_UP),
    "an error in mid-stream": stream(*answer("Hi")[:2], event(ERROR)),
    "silence": (Act.WAIT,),
}


@pytest.mark.parametrize("reply", FAILING.values(), ids=FAILING.keys())
def test_they_fail_alike(reply: Reply) -> None:
    async def story() -> None:
        async with ScriptedServer(reply) as server:
            first = await our_failure(ours(server.url, HELLO, seconds=0.5))
            second = await their_failure(theirs(server.url, HELLO, seconds=0.5))
            assert first == second

    asyncio.run(story())


def test_they_fail_alike_when_nobody_listens() -> None:
    async def story() -> None:
        async with ScriptedServer((Act.HANG_UP,)) as server:
            url = server.url
        assert await our_failure(ours(url, HELLO)) == NO_CONNECTION
        assert await their_failure(theirs(url, HELLO)) == NO_CONNECTION

    asyncio.run(story())


def test_only_the_openai_package_takes_a_part_for_the_whole() -> None:
    """The one place where they differ on purpose: a verdict must not rest on half an answer."""

    async def story() -> None:
        async with ScriptedServer(stream(event(delta("Go")), event("[DONE]"))) as server:
            assert (await theirs(server.url, HELLO)).text == "Go"
            with pytest.raises(ModelUnavailableError, match="without a finish_reason"):
                await ours(server.url, HELLO)

    asyncio.run(story())


FRANCE = (Message("user", "What is the capital of France? Answer with one word."),)
LABEL = {"name": "label", "schema": {"enum": ["positive", "negative"]}}
CHATS: dict[str, ChatRequest] = {
    "greedy": ChatRequest(FRANCE, {"temperature": 0, "max_tokens": 12}),
    "a system prompt": ChatRequest(
        (Message("system", "Du bist höflich. 👋"), *FRANCE), {"temperature": 0, "max_tokens": 12}
    ),
    "seeded sampling": ChatRequest(FRANCE, {"temperature": 1, "seed": 7, "max_tokens": 12}),
    "a stop word": ChatRequest(
        (Message("user", "Count: 1, 2, 3"),), {"temperature": 0, "max_tokens": 24, "stop": ["3"]}
    ),
    "a schema": ChatRequest(
        (Message("user", "Positive or negative? I love it."),),
        {
            "temperature": 0,
            "max_tokens": 12,
            "response_format": {"type": "json_schema", "json_schema": LABEL},
        },
    ),
}


@pytest.mark.parametrize("request_", CHATS.values(), ids=CHATS.keys())
def test_a_real_model_gives_both_the_same_answer(llama_server: str, request_: ChatRequest) -> None:
    async def story() -> None:
        await ours(llama_server, request_)  # so that both find the same prompt cache
        assert await ours(llama_server, request_) == await theirs(llama_server, request_)

    asyncio.run(story())


def test_a_real_server_refuses_both_alike(llama_server: str) -> None:
    wrong = ChatRequest(FRANCE, {"response_format": {"type": "poem"}})

    async def story() -> None:
        first = await our_failure(ours(llama_server, wrong))
        assert first == await their_failure(theirs(llama_server, wrong))
        assert first == Failure("status", transient=False, status=400)

    asyncio.run(story())
