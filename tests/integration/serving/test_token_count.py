"""Tokens of a text over the wire: as vLLM tells them, as llama.cpp does, and not at all."""

from __future__ import annotations

import asyncio

import pytest

from serving.client import Endpoint, ModelAnswerError, ModelClient, ModelFeatureMissingError
from tests.integration.serving.scripted_server import Reply, plain, served

NOTHING = plain("200 OK", {"tokens": []})


def vllm(*tokens: int) -> Reply:
    return plain("200 OK", {"count": len(tokens), "max_model_len": 99, "tokens": list(tokens)})


def test_vllm_is_asked_as_vllm_wants_it_and_only_once_which_it_is() -> None:
    async def story() -> None:
        async with served(vllm(9), vllm(5, 6), vllm(7), api_key="sk-1") as (server, client):
            assert await client.token_count("Be kind.") == 2
            assert await client.token_count("Be") == 1
        _, first, second = server.received
        assert {request.path for request in server.received} == {"/tokenize"}
        wanted = {"model": "tiny", "prompt": "Be kind.", "add_special_tokens": False}
        assert first.json == wanted
        assert second.json == wanted | {"prompt": "Be"}
        assert first.headers["authorization"] == "Bearer sk-1"

    asyncio.run(story())


def test_llama_cpp_answers_that_with_nothing_and_is_asked_its_own_way() -> None:
    async def story() -> None:
        told = plain("200 OK", {"tokens": [5, 6]})
        async with served(NOTHING, told) as (server, client):
            assert await client.token_count("Be kind.") == 2
            assert await client.token_count("Be kind.") == 2
        assert server.received[1].json == {"content": "Be kind.", "add_special": False}
        assert len(server.received) == 3

    asyncio.run(story())


def test_of_nothing_nothing_is_asked() -> None:
    async def story() -> None:
        async with served(vllm(1)) as (server, client):
            assert await client.token_count("") == 0
        assert server.received == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (NOTHING, ModelFeatureMissingError),
        (plain("404 No", {"detail": "Not Found"}), ModelFeatureMissingError),
        (plain("200 OK", {"tokens": 3}), ModelFeatureMissingError),
        (plain("200 OK", b"<html>"), ModelAnswerError),
    ],
)
def test_a_server_that_cannot_tell_is_a_typed_error(reply: Reply, kind: type[Exception]) -> None:
    async def story() -> None:
        async with served(reply) as (_, client):
            with pytest.raises(kind):
                await client.token_count("Be kind.")

    asyncio.run(story())


def test_a_real_llama_cpp_tells_them(llama_server: str) -> None:
    async def story() -> list[int]:
        async with ModelClient(Endpoint(llama_server, "smollm2")) as client:
            texts = ("Be kind.", "<|im_start|>", "12345", "größer")
            return [await client.token_count(text) for text in texts]

    assert asyncio.run(story()) == [3, 1, 5, 4]
