"""Embeddings and likelihoods over the wire: what is sent, what fails, and what real servers say."""

from __future__ import annotations

import asyncio
import math

import pytest

from serving.client import (
    EmbeddingsRequest,
    Endpoint,
    LikelihoodRequest,
    Message,
    ModelAnswerError,
    ModelClient,
    ModelFeatureMissingError,
    ModelUnavailableError,
)
from tests.integration.serving.llama_server import llama
from tests.integration.serving.scripted_server import Act, Reply, plain, served

TEXTS = EmbeddingsRequest(("good", "bad"))
CHAT = LikelihoodRequest((Message("user", "Sky?"),), "Blue.")
VECTORS = plain(
    "200 OK",
    {"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]},
)


def tokens(*ids: int) -> Reply:
    return plain("200 OK", {"count": len(ids), "max_model_len": 99, "tokens": list(ids)})


def scored(*positions: tuple[int, float]) -> Reply:
    told = [{str(token): {"logprob": logprob}} for token, logprob in positions]
    choice = {"index": 0, "text": " ", "prompt_logprobs": [None, *told]}
    return plain("200 OK", {"choices": [choice]})


def cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))


def test_embeddings_are_asked_for_with_the_key_and_come_in_the_order_of_the_texts() -> None:
    async def story() -> None:
        async with served(VECTORS, api_key="sk-1") as (server, client):
            assert (await client.embeddings(TEXTS)).vectors == ((1.0, 0.0), (0.0, 1.0))
        [request] = server.received
        assert (request.method, request.path) == ("POST", "/v1/embeddings")
        assert request.json == {
            "model": "tiny",
            "input": ["good", "bad"],
            "encoding_format": "float",
        }
        assert request.headers["authorization"] == "Bearer sk-1"

    asyncio.run(story())


def test_a_likelihood_is_question_and_answer_as_tokens_and_one_completion() -> None:
    async def story() -> None:
        replies = (tokens(5, 6), tokens(7, 8), scored((6, -9.0), (7, -1.0), (8, -3.0)))
        async with served(*replies) as (server, client):
            got = await client.likelihood(CHAT)
            assert (got.mean_logprob, got.answer_tokens, got.question_tokens) == (-2.0, 2, 2)
        paths = [request.path for request in server.received]
        assert paths == ["/tokenize", "/tokenize", "/v1/completions"]
        assert server.received[2].json["prompt"] == [5, 6, 7, 8]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (plain("404 No", {"detail": "Not Found"}), ModelFeatureMissingError),
        (plain("405 No", b""), ModelFeatureMissingError),
        (plain("501 No", {"error": {"message": "not supported"}}), ModelFeatureMissingError),
        (plain("400 No", {"error": {"message": "too long"}}), ModelAnswerError),
        (plain("200 OK", b"<html>"), ModelAnswerError),
        (plain("200 OK", b" " * 2000), ModelAnswerError),
        (plain("429 Busy", b"", Retry_After="1"), ModelUnavailableError),
        (plain("503 Loading", b""), ModelUnavailableError),
        ((Act.HANG_UP,), ModelUnavailableError),
        ((Act.WAIT,), ModelUnavailableError),
    ],
)
def test_whatever_fails_is_a_typed_error(reply: Reply, kind: type[Exception]) -> None:
    async def story() -> None:
        async with served(reply, timeout_seconds=0.3, max_response_bytes=1000) as (_, client):
            for question in (client.embeddings(TEXTS), client.likelihood(CHAT)):
                with pytest.raises(kind) as caught:
                    await question
                assert type(caught.value) is kind

    asyncio.run(story())


def test_a_page_of_the_server_is_read_whole_or_said_to_be_missing() -> None:
    async def story() -> None:
        async with served(plain("200 OK", b"up 1\n"), plain("404 No", b"")) as (server, client):
            assert await client.page("/metrics") == b"up 1\n"
            with pytest.raises(ModelFeatureMissingError):
                await client.page("/metrics")
        assert {request.path for request in server.received} == {"/metrics"}

    asyncio.run(story())


def test_llama_cpp_says_that_it_has_no_likelihoods_and_here_no_embeddings(
    llama_server: str,
) -> None:
    async def story() -> None:
        async with ModelClient(Endpoint(llama_server, "smollm2")) as client:
            for question in (
                client.likelihood(CHAT),
                client.likelihood(LikelihoodRequest("The sky is", " blue")),
                client.embeddings(TEXTS),
            ):
                with pytest.raises(ModelFeatureMissingError) as caught:
                    await question
                assert not caught.value.transient

    asyncio.run(story())


def test_a_real_server_embeds_the_same_text_to_the_same_vector() -> None:
    async def story(url: str) -> None:
        async with ModelClient(Endpoint(url, "smollm2")) as client:
            texts = ("The cat sleeps.", "Invoices are due.", "The cat sleeps.")
            got = await client.embeddings(EmbeddingsRequest(texts))
            cat, invoice, again = got.vectors
            assert cosine(cat, again) > 0.999 > cosine(cat, invoice)
            assert len(cat) == 576
            assert got.prompt_tokens

    with llama(kind="embeddings") as url:
        asyncio.run(story(url))
