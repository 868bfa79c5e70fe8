"""What the model client never does, and what it gives back when it is done or told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
import traceback
from contextlib import suppress
from typing import Any

import pytest

from serving.client import Endpoint, ModelAnswerError, ModelClient, ModelUnavailableError
from serving.wire import Connection
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
)

KEY = "sk-very-secret-1234567890"
WHOLE = stream(*answer("Hi"))
SILENT: Reply = (Act.WAIT,)


def test_a_connection_is_used_again() -> None:
    async def story() -> None:
        async with served(WHOLE) as (server, client):
            for _ in range(5):
                await client.chat(HELLO)
            assert server.connections == 1

    asyncio.run(story())


@pytest.mark.parametrize("ending", [Act.HANG_UP, Act.RESET])
def test_a_pooled_connection_that_closes_before_the_first_byte_is_replaced_once(
    ending: Act,
) -> None:
    async def story() -> None:
        async with served(WHOLE, (ending,), WHOLE) as (server, client):
            await client.chat(HELLO)
            assert (await client.chat(HELLO)).text == "Hi"
            assert [request.connection for request in server.received] == [1, 1, 2]

    asyncio.run(story())


def test_it_is_replaced_only_once() -> None:
    async def story() -> None:
        async with served(WHOLE, (Act.HANG_UP,)) as (server, client):
            await client.chat(HELLO)
            with pytest.raises(ModelUnavailableError, match="broke"):
                await client.chat(HELLO)
            assert len(server.received) == 3

    asyncio.run(story())


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param(((Act.HANG_UP,),), id="a new connection"),
        pytest.param((WHOLE, (b"HTTP/1.1 200", Act.HANG_UP)), id="after the first byte"),
        pytest.param((WHOLE, (CHUNKED_HEAD, Act.HANG_UP)), id="after the head"),
        pytest.param((WHOLE, plain("503 Busy", b"")), id="an answer that says no"),
    ],
)
def test_nothing_else_is_asked_twice(replies: tuple[Reply, ...]) -> None:
    async def story() -> None:
        async with served(*replies) as (server, client):
            for _ in replies[1:]:
                await client.chat(HELLO)
            with pytest.raises(ModelUnavailableError):
                await client.chat(HELLO)
            assert len(server.received) == len(replies)

    asyncio.run(story())


def test_at_most_concurrency_chats_run_at_once_and_the_others_wait_their_turn() -> None:
    async def story() -> None:
        async with served(SILENT, SILENT, WHOLE, concurrency=2) as (server, client):
            chats = [asyncio.create_task(client.chat(HELLO)) for _ in range(4)]
            await server.requests(2)
            await asyncio.sleep(0.05)
            assert len(server.received) == 2
            assert await client.healthy()  # it is asked, although no seat is free
            chats[0].cancel()
            chats[1].cancel()
            done = await asyncio.gather(*chats, return_exceptions=True)
            assert [getattr(chat, "text", None) for chat in done] == [None, None, "Hi", "Hi"]

    asyncio.run(story())


def test_whoever_leaves_in_the_turn_in_which_it_was_sent_leaves_no_answer_to_the_next() -> None:
    async def story() -> None:
        mine, theirs = stream(*answer("mine")), stream(*answer("theirs"))
        async with served(WHOLE, theirs, mine, concurrency=1) as (server, client):

            async def first() -> None:
                await client.chat(HELLO)
                second.cancel()  # it was sent just now, and has not heard so

            chats = [asyncio.create_task(first())]
            await server.requests(1)
            second = asyncio.create_task(client.chat(HELLO))
            await asyncio.gather(*chats, second, return_exceptions=True)
            assert second.cancelled()
            assert (await client.chat(HELLO)).text == "mine"
            assert [request.connection for request in server.received] == [1, 1, 2]

    asyncio.run(story())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections on which requests were sent, one entry each."""
    found: list[Connection] = []
    send = Connection.send

    def noted(self: Connection, request: bytes) -> None:
        found.append(self)
        send(self, request)

    monkeypatch.setattr(Connection, "send", noted)
    return found


def closing_after_each_answer(listener: socket.socket) -> None:
    """A server on a thread of its own, whose ends of connections come right behind its answers."""
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(65_536).count(b"\r\n\r\n") == 0:
                    pass
                connection.sendall(b"".join(part for part in WHOLE if isinstance(part, bytes)))


def test_a_server_that_closes_without_a_word_is_sent_few_requests_twice(
    sent: list[Connection],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=closing_after_each_answer, args=(listener,))
        server.start()

        async def story() -> None:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with ModelClient(Endpoint(url, "tiny", concurrency=2)) as client:
                await asyncio.gather(*(client.chat(HELLO) for _ in range(200)))

        try:
            asyncio.run(story())
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join()
    assert len(sent) < 300


def test_what_was_broken_off_is_gone_before_the_next_is_sent(sent: list[Connection]) -> None:
    async def story() -> None:
        async with served(WHOLE, concurrency=1) as (server, client):
            # A look takes no seat: its connection lies idle beside the chat's.
            await asyncio.gather(client.chat(HELLO), client.healthy())
            seen = len(server.received)
            server.replies = [SILENT, WHOLE]
            chat = asyncio.create_task(client.chat(HELLO))
            await server.requests(seen + 1)
            waiting = asyncio.create_task(client.chat(HELLO))
            await asyncio.sleep(0)
            broken_off, was_gone = sent[-1], []
            send = Connection.send

            def looking(self: Connection, request: bytes) -> None:
                was_gone.append(broken_off.is_gone)
                send(self, request)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Connection, "send", looking)
                chat.cancel()
                assert (await waiting).text == "Hi"
            assert was_gone == [True]

    asyncio.run(story())


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(SILENT, id="before the answer"),
        pytest.param((CHUNKED_HEAD, chunk(event(delta("Go"))), Act.WAIT), id="in mid-stream"),
    ],
)
def test_cancelling_closes_the_connection(reply: Reply) -> None:
    async def story() -> None:
        async with served(reply) as (server, client):
            chat = asyncio.create_task(client.chat(HELLO))
            await server.requests(1)
            chat.cancel()
            with pytest.raises(asyncio.CancelledError):
                await chat
            await asyncio.wait_for(server.client_hung_up.wait(), 30)

    asyncio.run(story())


def test_whoever_leaves_while_a_connection_is_made_leaves_no_socket() -> None:
    """An open socket that nobody has any more is a warning, and fails this test."""

    async def story() -> None:
        async with served(*[SILENT] * 60) as (_, client):
            for turns in range(60):
                chat = asyncio.create_task(client.chat(HELLO))
                for _ in range(turns // 3):
                    await asyncio.sleep(0)
                chat.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await chat

    asyncio.run(story())
    gc.collect()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(SILENT, id="no answer"),
        pytest.param((CHUNKED_HEAD, chunk(event(delta("Go"))), Act.WAIT), id="an unfinished one"),
        pytest.param((head("500 Oops", Content_Length="9"), Act.WAIT), id="an unfinished error"),
    ],
)
def test_a_chat_that_takes_too_long_is_given_up(reply: Reply) -> None:
    async def story() -> None:
        async with served(reply, timeout_seconds=0.2) as (server, client):
            with pytest.raises(ModelUnavailableError, match=r"no whole answer .* within 0.2 s"):
                await client.chat(HELLO)
            await asyncio.wait_for(server.client_hung_up.wait(), 30)

    asyncio.run(story())


@pytest.mark.parametrize("size", [300, 100_000])
def test_an_answer_without_end_is_cut_off(size: int) -> None:
    flood: Reply = (CHUNKED_HEAD, *[chunk(event(delta("x" * size)))] * 40, Act.WAIT)

    async def story() -> None:
        async with served(flood, max_response_bytes=10_000) as (_, client):
            with pytest.raises(ModelAnswerError, match="longer than 10000 bytes"):
                await client.chat(HELLO)

    asyncio.run(story())


def test_redirects_are_not_followed_and_the_key_does_not_travel() -> None:
    async def story() -> None:
        async with ScriptedServer(WHOLE) as other:
            moved = plain("307 Moved", b"", Location=f"{other.url}/v1/chat/completions")
            async with served(moved, api_key=KEY) as (server, client):
                with pytest.raises(ModelAnswerError, match="redirects are not followed"):
                    await client.chat(HELLO)
                with pytest.raises(ModelAnswerError, match="redirects are not followed"):
                    await client.served_ids()
                assert not await client.healthy()
            assert {r.headers["authorization"] for r in server.received} == {f"Bearer {KEY}"}
            assert other.received == []

    asyncio.run(story())


def test_proxies_from_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with ScriptedServer(WHOLE) as proxy, served(WHOLE) as (server, client):
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            for name in ("no_proxy", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            await client.chat(HELLO)
            assert (len(proxy.received), len(server.received)) == (0, 1)

    asyncio.run(story())


def test_without_a_key_no_key_is_sent() -> None:
    async def story() -> None:
        async with served(WHOLE) as (server, client):
            await client.chat(HELLO)
            assert "authorization" not in server.received[0].headers

    asyncio.run(story())


ECHO = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
LEAKS: list[Reply] = [
    plain("401 Unauthorized", ECHO),
    plain("401 Unauthorized", f"bad key {KEY}".encode()),
    stream(event(ECHO)),
    (b"not http\r\n\r\n", Act.HANG_UP),
    (Act.HANG_UP,),
    (CHUNKED_HEAD, chunk(event(delta("Go"))), Act.HANG_UP),
]


@pytest.mark.parametrize("reply", LEAKS)
def test_the_key_is_in_no_error_no_log_and_no_repr(
    reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> list[str]:
        async with served(reply, api_key=KEY) as (server, client):
            seen: list[str] = [repr(client), repr(client.endpoint), str(client.endpoint)]
            with pytest.raises((ModelAnswerError, ModelUnavailableError)) as caught:
                await client.chat(HELLO)
            assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
            error: Any = caught.value
            shown = "".join(traceback.format_exception(error))
            return [*seen, shown, repr(error), repr(error.fields), repr(error.__cause__)]

    with caplog.at_level(logging.DEBUG):
        seen = asyncio.run(story())
    assert KEY not in "".join(seen) + caplog.text
