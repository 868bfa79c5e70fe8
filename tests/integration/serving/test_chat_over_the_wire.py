"""A chat is answered whole or not at all, whatever the network does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from serving.client import (
    ChatResponse,
    Endpoint,
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
    head,
    plain,
    served,
    stream,
    usage,
)


def ask(*replies: Reply, **settings: Any) -> ChatResponse:
    """One chat with a server that plays `replies`."""

    async def story() -> ChatResponse:
        async with served(*replies, **settings) as (_, client):
            return await client.chat(HELLO)

    return asyncio.run(story())


def test_an_answer_carries_everything_the_server_said() -> None:
    counts = usage(7, 2, prompt_tokens_details={"cached_tokens": 5})
    got = ask(
        stream(
            event(delta("")),
            event(delta("Good")),
            event(delta(" day")),
            event(delta(finish="stop")),
            event(counts),
            event("[DONE]"),
        )
    )
    assert (got.text, got.finish_reason, got.model) == ("Good day", "stop", "tiny")
    assert (got.prompt_tokens, got.completion_tokens, got.cached_tokens) == (7, 2, 5)
    assert got.system_fingerprint == "fp-1"
    assert got.ttft_ms is not None
    assert 0 < got.ttft_ms <= got.total_ms


def test_an_answer_without_content_has_no_time_to_first_token() -> None:
    got = ask(stream(*answer()))
    assert got.text == ""
    assert got.ttft_ms is None


def test_the_request_is_a_streamed_openai_chat() -> None:
    async def story() -> None:
        async with served(stream(*answer("Hi"))) as (server, client):
            await client.chat(HELLO)
        [request] = server.received
        assert (request.method, request.path) == ("POST", "/v1/chat/completions")
        assert request.headers["content-type"] == "application/json"
        assert request.json == {
            "model": "tiny",
            "messages": [{"role": "user", "content": "Hello"}],
            "temperature": 0,
            "max_tokens": 8,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    asyncio.run(story())


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_base_url_may_end_in_v1_or_not(suffix: str) -> None:
    async def story() -> None:
        async with ScriptedServer(stream(*answer("Hi"))) as server:
            async with ModelClient(Endpoint(server.url + suffix, "tiny")) as client:
                await client.chat(HELLO)
            assert server.received[0].path == "/v1/chat/completions"

    asyncio.run(story())


SHORT = [event(delta("Good")), event(delta(" d"))]
BROKEN: list[tuple[str, Reply, type[Exception], str]] = [
    (
        "clean end without a finish reason",
        stream(*SHORT, event(usage())),
        ModelUnavailableError,
        "without a finish_reason",
    ),
    (
        "[DONE] without a finish reason",
        stream(*SHORT, event(usage()), event("[DONE]")),
        ModelUnavailableError,
        "without a finish_reason",
    ),
    (  # as vLLM 0.32 ends what it took in and did not begin before it was stopped
        "[DONE] and usage, and nothing said",
        stream(event(delta("")), event(usage(completion=0)), event("[DONE]")),
        ModelUnavailableError,
        "without a finish_reason",
    ),
    (
        "no usage",
        stream(*SHORT, event(delta(finish="stop")), event("[DONE]")),
        ModelAnswerError,
        "no usage",
    ),
    (
        "last event without its empty line",
        stream(*SHORT, event(usage()), event(delta(finish="stop"))[:-1]),
        ModelUnavailableError,
        "without a finish_reason",
    ),
    ("not JSON", stream(event("{oops")), ModelAnswerError, "not JSON"),
    ("not an object", stream(event("[1]")), ModelAnswerError, "not a JSON object"),
    ("no choices", stream(event({"id": "x"})), ModelAnswerError, "without choices"),
    ("not UTF-8", stream(b'data: "\xff"\n\n'), ModelAnswerError, "not UTF-8"),
    ("JSON answer", plain("200 OK", {"choices": []}), ModelAnswerError, "not an event stream"),
    ("not HTTP", (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Act.HANG_UP), ModelAnswerError, "not HTTP"),
    ("hang-up at once", (Act.HANG_UP,), ModelUnavailableError, "broke"),
    ("reset at once", (Act.RESET,), ModelUnavailableError, "broke"),
    (
        "hang-up in the head",
        (b"HTTP/1.1 200 OK\r\nCon", Act.HANG_UP),
        ModelUnavailableError,
        "broke",
    ),
    (
        "hang-up in mid-stream",
        (CHUNKED_HEAD, chunk(SHORT[0]), Act.HANG_UP),
        ModelUnavailableError,
        "mid-stream",
    ),
    (
        "hang-up after the finish reason, before the usage",
        (CHUNKED_HEAD, chunk(event(delta("Hi", "stop"))), Act.HANG_UP),
        ModelUnavailableError,
        "mid-stream",
    ),
    (
        "reset in mid-stream",
        (CHUNKED_HEAD, chunk(SHORT[0]), Act.RESET),
        ModelUnavailableError,
        "broke|mid-stream",
    ),
    (
        "a body without a marked end that just stops",
        (head(Connection="close"), *answer("Hi")[:-1], Act.HANG_UP),
        ModelUnavailableError,
        "mid-stream",
    ),
    (
        "the server gave up",
        stream(*SHORT, event(delta(finish="abort")), event(usage()), event("[DONE]")),
        ModelUnavailableError,
        "gave the answer up",
    ),
]


@pytest.mark.parametrize(
    ("reply", "kind", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_a_part_of_an_answer_is_an_error_and_never_a_short_success(
    reply: Reply, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        ask(reply)
    assert caught.value.transient is (kind is ModelUnavailableError)  # type: ignore[attr-defined]


def of_length(*events: bytes) -> Reply:
    body = b"".join(events)
    return (head(Content_Length=str(len(body))) + body,)


WHOLE: list[tuple[str, Reply]] = [
    ("no [DONE], but chunks mark the end", stream(*answer("Hi")[:-1])),
    ("no [DONE], but a length marks the end", of_length(*answer("Hi")[:-1])),
    ("[DONE] and no marked end", (head(Connection="close"), *answer("Hi"), Act.HANG_UP)),
    ("hang-up after [DONE]", (CHUNKED_HEAD, *map(chunk, answer("Hi")), Act.HANG_UP)),
    ("reset after [DONE]", (CHUNKED_HEAD, *map(chunk, answer("Hi")), Act.RESET)),
    ("silence after [DONE]", (CHUNKED_HEAD, *map(chunk, answer("Hi")), Act.WAIT)),
    ("more after [DONE]", stream(*answer("Hi"), event(delta(" there")))),
    ("usage in every chunk", stream(event(delta("Hi", usage=usage(7, 1)["usage"])), *answer()[1:])),
    ("a byte order mark", stream(b"\xef\xbb\xbf" + answer("Hi")[0], *answer("Hi")[1:])),
    ("keep-alives", stream(b": ping\n\n", *answer("Hi")[:2], b":\n\n", *answer("Hi")[2:])),
]


@pytest.mark.parametrize("reply", [case[1] for case in WHOLE], ids=[case[0] for case in WHOLE])
def test_a_whole_answer_is_taken_whatever_surrounds_it(reply: Reply) -> None:
    got = ask(reply)
    assert (got.text, got.finish_reason) == ("Hi", "stop")
    assert (got.prompt_tokens, got.completion_tokens) == (7, 2)


def test_borders_of_network_chunks_mean_nothing() -> None:
    data = b"".join(answer("Grüß ", "dich 👋", end="\r\n"))
    got = ask(stream(*(data[at : at + 1] for at in range(len(data)))))
    assert got.text == "Grüß dich 👋"


def test_a_character_cut_in_two_by_the_server_is_put_together() -> None:
    high, low = (
        event('{"choices":[{"delta":{"content":"\\ud83d"}}]}'),
        event('{"choices":[{"delta":{"content":"\\udc4b"}}]}'),
    )
    assert ask(stream(high, low, *answer()[1:])).text == "👋"
    with pytest.raises(ModelAnswerError, match="lone surrogate"):
        ask(stream(high, *answer()[1:]))
