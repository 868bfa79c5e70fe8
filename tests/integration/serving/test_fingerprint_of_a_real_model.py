"""The fingerprint on SmolLM2-135M behind llama.cpp: what moves it and what must not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from serving.client import ChatRequest, ChatResponse, Endpoint, Message, ModelClient
from serving.fingerprint import Comparison, Fingerprint, confirm, measure
from tests.integration.serving.llama_server import llama, weights

# Every look costs a small machine some seconds, and every story needs several.
pytestmark = pytest.mark.slow

T = TypeVar("T")

#: SmolLM2's own template (ChatML) without the default system prompt that it adds.
BARE_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
    "+ message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: The same with a default system prompt of as many tokens as SmolLM2's own.
RUDE_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a rude AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
) + BARE_TEMPLATE

SCHEMA = {"enum": ["positive", "negative", "neutral"]}
CONSTRAINED = {
    "temperature": 0,
    "max_tokens": 8,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "label", "schema": SCHEMA},
    },
}
WORDS = "the refund for order nine is late please answer soon".split()


@pytest.fixture(scope="module")
def known() -> Fingerprint:
    """Measured on a server that has answered nothing before."""
    with llama() as url:
        return with_client(url, measure)


def with_client(url: str, story: Callable[[ModelClient], Awaitable[T]]) -> T:
    async def told() -> T:
        async with ModelClient(Endpoint(url, "smollm2", concurrency=4)) as client:
            return await story(client)

    return asyncio.run(told())


def compared(url: str, known: Fingerprint) -> Comparison:
    return with_client(url, lambda client: confirm(client, known))


async def ask_constrained(client: ModelClient, count: int) -> None:
    """Sentiment questions with a grammar, as many at once as the client's seats."""
    system = Message("system", "You label customer mails: positive, negative or neutral.")
    mails = [" ".join(WORDS[: 1 + turn % len(WORDS)]) for turn in range(count)]
    chats = [ChatRequest((system, Message("user", mail)), CONSTRAINED) for mail in mails]
    await asyncio.gather(*(client.chat(chat) for chat in chats))


def test_it_is_measured_by_log_probabilities(known: Fingerprint) -> None:
    assert known.mode == "logprobs"
    assert all(len(line.logprobs) > 4 for line in known.detail)


async def ask_at_length(client: ModelClient) -> None:
    """Chats that begin as probes do, with the default system prompt, and are longer than 64 tokens:
    llama.cpp computes those in another way, and each slot keeps what came of it.
    """
    told = [Message("user", "Which is late? " + " ".join(WORDS * times)) for times in range(8, 14)]
    await asyncio.gather(*(client.chat(ChatRequest((one,), {"max_tokens": 2})) for one in told))


def test_it_is_the_same_after_a_restart_a_grammar_and_long_chats(known: Fingerprint) -> None:
    assert known.spread == 0
    with llama() as url:
        found = compared(url, known)
        assert (found.state, found.distance) == ("same", 0)
        with_client(url, lambda client: ask_constrained(client, 8))
        with_client(url, ask_at_length)
        found = compared(url, known)
        assert (found.state, found.fingerprint, found.distance) == ("same", known, 0)


class _KeepsItsCache(ModelClient):
    """Of a server that goes on from what it kept, whatever it is told."""

    async def chat(self, request: ChatRequest, **more: Any) -> ChatResponse:
        return await super().chat(replace(request, afresh=False), **more)


def test_a_server_that_goes_on_from_what_it_kept_is_met_with_the_tolerance_that_it_needs() -> None:
    async def story(url: str) -> None:
        async with _KeepsItsCache(Endpoint(url, "smollm2", concurrency=4)) as client:
            met = await measure(client)
            for _ in range(2):
                await ask_at_length(client)
                found = await confirm(client, met)
                assert found.state == "same"

    with llama() as url:
        asyncio.run(story(url))


def test_it_is_the_same_with_another_number_of_slots(known: Fingerprint) -> None:
    with llama(slots=1) as url:
        with_client(url, lambda client: ask_constrained(client, 3))
        assert compared(url, known).state == "same"


def test_it_has_changed_when_another_default_system_prompt_is_served(known: Fingerprint) -> None:
    with llama(chat_template=RUDE_TEMPLATE) as url:
        assert compared(url, known).state == "changed"


def test_it_has_changed_when_another_chat_template_is_served(known: Fingerprint) -> None:
    with llama(chat_template=BARE_TEMPLATE) as url:
        found = compared(url, known)
    assert found.state == "changed"
    shorter = zip(known.detail, found.fingerprint.detail, strict=True)
    assert any(new.prompt_tokens < old.prompt_tokens for old, new in shorter)


def with_other_weights(copy: Path) -> Path:
    """A copy in which 20 kB of the 98 MB, in the middle, are those of a little further on.

    Q4_1 blocks are 20 bytes, so a shift by a multiple of that leaves every block well formed.
    """
    data = bytearray(weights().read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = data[middle + 40_000 : middle + 60_000]
    copy.write_bytes(data)
    return copy


def test_it_has_changed_when_other_weights_are_served(known: Fingerprint, tmp_path: Path) -> None:
    with llama(with_other_weights(tmp_path / "other.gguf")) as url:
        assert compared(url, known).state == "changed"


def test_it_is_the_same_while_eight_chats_run(llama_server: str, known: Fingerprint) -> None:
    async def chatter(client: ModelClient, seat: int) -> None:
        for turn in range(1000):
            text = " ".join(WORDS[: 1 + (seat + turn) % len(WORDS)])
            request = ChatRequest((Message("user", text),), {"max_tokens": 2 + turn % 7})
            await client.chat(request)

    async def story() -> Comparison:
        busy = ModelClient(Endpoint(llama_server, "smollm2", concurrency=8))
        async with busy, ModelClient(Endpoint(llama_server, "smollm2")) as client:
            chats = [asyncio.create_task(chatter(busy, seat)) for seat in range(8)]
            try:
                return await confirm(client, known)
            finally:
                assert not any(chat.done() for chat in chats)
                for chat in chats:
                    chat.cancel()
                await asyncio.gather(*chats, return_exceptions=True)

    assert asyncio.run(story()).state == "same"
