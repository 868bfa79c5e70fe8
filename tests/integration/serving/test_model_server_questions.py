"""Is the server there, and what does it serve?"""

from __future__ import annotations

import asyncio
from typing import Any

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
    HELLO,
    Act,
    Reply,
    ScriptedServer,
    plain,
    served,
)

MODELS = plain("200 OK", {"object": "list", "data": [{"id": "b"}, {"id": "a"}]})
SHORTEST = ChatRequest((Message("user", "Hello"),), {"max_tokens": 1})
FINE, BUSY, UNKNOWN = plain("200 OK", b""), plain("503 Loading", b""), plain("404 No", b"")


@pytest.mark.parametrize(
    ("replies", "healthy", "paths"),
    [
        pytest.param([FINE], True, ["/health"], id="it says so"),
        pytest.param([BUSY], False, ["/health"], id="it is loading"),
        pytest.param([UNKNOWN, MODELS], True, ["/health", "/v1/models"], id="no /health"),
        pytest.param([UNKNOWN, UNKNOWN], False, ["/health", "/v1/models"], id="no model server"),
        pytest.param([(b"SSH-2.0\r\n\r\n", Act.HANG_UP)], False, ["/health"], id="not HTTP"),
        pytest.param([(Act.WAIT,)], False, ["/health"], id="silence"),
    ],
)
def test_health(replies: list[Reply], healthy: bool, paths: list[str]) -> None:
    async def story() -> None:
        async with served(*replies, timeout_seconds=0.3) as (server, client):
            assert await client.healthy() is healthy
            assert [request.path for request in server.received] == paths

    asyncio.run(story())


def test_a_server_that_is_not_there_is_unhealthy_and_unavailable() -> None:
    async def story() -> None:
        async with ScriptedServer(FINE) as server:
            url = server.url
        async with ModelClient(Endpoint(url, "tiny")) as client:
            assert not await client.healthy()
            for question in (client.served_ids(), client.chat(HELLO)):
                with pytest.raises(ModelUnavailableError, match="cannot connect") as caught:
                    await question
                assert caught.value.transient

    asyncio.run(story())


def test_the_served_ids_come_in_the_servers_order() -> None:
    async def story() -> None:
        async with served(MODELS, api_key="sk-1") as (server, client):
            assert await client.served_ids() == ("b", "a")
            assert server.received[0].headers["authorization"] == "Bearer sk-1"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (plain("200 OK", b"<html>"), ModelAnswerError),
        (plain("200 OK", b" " * 5_000_000), ModelAnswerError),
        (plain("401 No", {"error": "Unauthorized"}), ModelAnswerError),
        (BUSY, ModelUnavailableError),
        ((Act.HANG_UP,), ModelUnavailableError),
    ],
)
def test_a_list_of_models_that_cannot_be_read_is_a_typed_error(
    reply: Reply, kind: type[Exception]
) -> None:
    async def story() -> None:
        async with served(reply) as (_, client):
            with pytest.raises(kind):
                await client.served_ids()

    asyncio.run(story())


def test_a_busy_server_says_when_to_come_back() -> None:
    async def story() -> None:
        async with served(plain("429 Busy", {"error": "slow down"}, Retry_After="7")) as (
            _,
            client,
        ):
            with pytest.raises(ModelUnavailableError, match="429: slow down") as caught:
                await client.chat(HELLO)
            assert caught.value.retry_after_seconds == 7.0
            facts: dict[str, Any] = {"server_status": 429, "retry_after_seconds": 7.0}
            assert caught.value.fields == facts

    asyncio.run(story())


def test_the_real_server_is_healthy_and_names_its_model(llama_server: str) -> None:
    async def story() -> None:
        async with ModelClient(Endpoint(llama_server, "smollm2")) as client:
            assert await client.healthy()
            assert await client.served_ids() == ("smollm2",)

    asyncio.run(story())


def test_many_chats_in_a_row_survive_a_server_that_closes_after_each(llama_server: str) -> None:
    """llama.cpp closes after every stream, often just when the next request is on its way."""

    async def story() -> None:
        async with ModelClient(Endpoint(llama_server, "smollm2")) as client:
            for _ in range(40):
                assert (await client.chat(SHORTEST)).completion_tokens == 1

    asyncio.run(story())
